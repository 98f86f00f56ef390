// Package fieldpath gives the package of version 6 the name of version 4. The provider imports version 4; the sets that it
// combines come from modules that, with the k8s.io modules of Kubernetes 1.36, are of version 6.
package fieldpath

import "sigs.k8s.io/structured-merge-diff/v6/fieldpath"

type (
	// Path is a path to a field.
	Path = fieldpath.Path
	// Set is a set of paths.
	Set = fieldpath.Set
)

// MakePath returns the path of the given elements.
func MakePath(parts ...any) (Path, error) { return fieldpath.MakePath(parts...) }
