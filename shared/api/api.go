// Package api knows the contract between Zapas and those who call it: openapi.yaml, the Go types made from it, and its
// routes. It does not know how a route is answered, nor who may call it beyond the words written in the contract.
package api

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi.yaml openapi.yaml
//go:generate go test -run TestRoutes -update .

// Auth is how a caller proves who he is.
type Auth string

const (
	AuthConsole Auth = "console" // an access token of the organisation's OIDC provider
	AuthDevice  Auth = "device"  // a token signed by the device's key, one for each request
	AuthOpen    Auth = "open"    // nothing is asked
)

// Route is one operation of the contract.
type Route struct {
	Operation  string // operationId, such as createProfile
	Method     string
	Path       string // with its version: /v1/profiles/{id}
	Function   string // the function that answers it
	Auth       Auth
	Permission string // "" when Auth is AuthOpen
}

// Key is how API Gateway names the route, such as "GET /v1/profiles/{id}".
func (r Route) Key() string { return r.Method + " " + r.Path }
