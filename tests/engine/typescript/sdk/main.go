// Writes the SDK of a Pulumi package for Node.js: `gen SCHEMA FOLDER`.
package main

import (
	"encoding/json"
	"log"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var spec schema.PackageSpec
	check(json.Unmarshal(text, &spec))
	pkg, err := schema.ImportSpec(spec, map[string]schema.Language{"nodejs": nodejs.Importer}, noPackages{}, schema.ValidationOptions{AllowDanglingReferences: true})
	check(err)
	files, err := nodejs.GeneratePackage("notification-platform tests", pkg, nil, nil, true, nil)
	check(err)
	for name, content := range files {
		file := filepath.Join(os.Args[2], name)
		check(os.MkdirAll(filepath.Dir(file), 0o755))
		check(os.WriteFile(file, content, 0o644))
	}
}

// noPackages is enough: the package's types refer to those of no other package.
type noPackages struct{ schema.Loader }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
