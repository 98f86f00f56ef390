// Package v2 takes the place of the package of this name in the provider's Go SDK. That package has one Go type per kind and
// imports the whole SDK, which takes longer to compile than the provider. The provider needs only this function, and of its
// result only the resource's reference, which no type changes.
package v2

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegisterResource registers an object of any kind, as the SDK does: by a type token of the object's API version and kind,
// in which the group without a name is "core".
func RegisterResource(ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input,
	opts ...pulumi.ResourceOption) (pulumi.CustomResource, error) {
	var resource pulumi.CustomResourceState
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	token := fmt.Sprintf("kubernetes:%s:%s", apiVersion, kind)
	if err := ctx.RegisterResource(token, name, props, &resource, opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}
