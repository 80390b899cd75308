package template

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// integration is how the API calls a function.
type integration struct {
	IntegrationURI       string `json:"IntegrationUri"`
	TimeoutInMillis      int
	API                  string `json:"ApiId"`
	IntegrationType      string
	PayloadFormatVersion string
}

// permission is who may call a function, beside those whose role says so.
type permission struct {
	Action, FunctionName, Principal, SourceAccount, SourceArn string
}

type wireRoute struct {
	RouteKey, Target, AuthorizationType string
	Authorizer                          string `json:"AuthorizerId"`
	API                                 string `json:"ApiId"`
}

type wireAuthorizer struct {
	API              string `json:"ApiId"`
	AuthorizerType   string
	IdentitySource   []string
	JwtConfiguration struct {
		Audience []string
		Issuer   string
	}
}

func (r *reader) front(d *Deployment, id string) (err error) {
	holds, wanted := true, ""
	switch r.resources[id].Type {
	case "AWS::ApiGatewayV2::Api":
		var w struct{ ProtocolType string }
		err = r.properties(id, &w)
		holds, wanted = w.ProtocolType == "HTTP", "HTTP APIs"
	case "AWS::ApiGatewayV2::Stage":
		var w struct {
			API       string `json:"ApiId"`
			StageName string
		}
		err = r.properties(id, &w)
		holds, wanted = w.StageName == "$default", "the stage $default"
	case "AWS::ApiGatewayV2::Authorizer":
		var w wireAuthorizer
		err = r.properties(id, &w)
		holds, wanted = w.AuthorizerType == "JWT" && slices.Equal(w.IdentitySource, []string{"$request.header.Authorization"}) && r.authorizer == "",
			"one authorizer, of JWTs in the header Authorization"
		r.authorizer, d.Authorize = id, Authorizer{Issuer: w.JwtConfiguration.Issuer, Audience: w.JwtConfiguration.Audience}
	case "AWS::ApiGatewayV2::Integration":
		var w integration
		err = r.properties(id, &w)
		holds, wanted = w.IntegrationType == "AWS_PROXY" && w.PayloadFormatVersion == "2.0", "AWS_PROXY with the payload format 2.0"
		r.integrations[id] = w
	case "AWS::ApiGatewayV2::Route":
		var w wireRoute
		err = r.properties(id, &w)
		holds, wanted = w.AuthorizationType == "NONE" || w.AuthorizationType == "JWT", "the authorizations NONE and JWT"
		r.routes = append(r.routes, w)
	}
	if err == nil && !holds {
		return fmt.Errorf("%s: the local stack knows only %s", id, wanted)
	}
	return err
}

func (r *reader) permission(id string) error {
	var w permission
	err := r.properties(id, &w)
	r.permissions = append(r.permissions, w)
	return err
}

// join puts together what resources say of each other.
func (r *reader) join(d *Deployment) error {
	for i, b := range d.Buckets {
		d.Buckets[i].Policy = r.bucketPolicies[b.Name]
		delete(r.bucketPolicies, b.Name)
	}
	for name := range r.bucketPolicies {
		return fmt.Errorf("there is a policy for the bucket %q, and no such bucket", name)
	}
	if err := r.joinQueues(d); err != nil {
		return err
	}
	for i, role := range d.Roles {
		d.Roles[i].Policies = r.rolePolicies[role.Name]
		delete(r.rolePolicies, role.Name)
	}
	for name := range r.rolePolicies {
		return fmt.Errorf("there is a policy for the role %q, and no such role", name)
	}
	for _, f := range d.Functions {
		if !slices.ContainsFunc(d.Roles, func(role Role) bool { return role.ARN == f.Role }) {
			return fmt.Errorf("the function %s has the role %q, and there is no such role", f.Program, f.Role)
		}
	}
	for _, w := range r.routes {
		route, err := r.route(d, w)
		if err != nil {
			return fmt.Errorf("route %q: %w", w.RouteKey, err)
		}
		d.Routes = append(d.Routes, route)
	}
	return nil
}

func (r *reader) route(d *Deployment, w wireRoute) (Route, error) {
	method, path, ok := strings.Cut(w.RouteKey, " ")
	if !ok {
		return Route{}, fmt.Errorf("the local stack knows only routes of a method and a path")
	}
	by, ok := r.integrations[strings.TrimPrefix(w.Target, "integrations/")]
	at := slices.IndexFunc(d.Functions, func(f Function) bool { return f.ARN == by.IntegrationURI })
	if !ok || at < 0 {
		return Route{}, fmt.Errorf("its target %q leads to no function", w.Target)
	}
	if w.AuthorizationType == "JWT" && w.Authorizer != r.authorizer {
		return Route{}, fmt.Errorf("there is no authorizer %q", w.Authorizer)
	}
	f := d.Functions[at]
	if !r.mayCall(w.API, f) {
		return Route{}, fmt.Errorf("nothing permits the API to call the function %s: give it an AWS::Lambda::Permission", f.Program)
	}
	return Route{Method: method, Path: path, Function: f.Program, JWT: w.AuthorizationType == "JWT", Timeout: time.Duration(by.TimeoutInMillis) * time.Millisecond}, nil
}

// mayCall says whether the API may call a function: whatever its stage and route, as permissions here are written.
func (r *reader) mayCall(api string, f Function) bool {
	whole := "arn:aws:execute-api:" + r.place.Region + ":" + r.place.Account + ":" + api + "/*"
	return slices.ContainsFunc(r.permissions, func(p permission) bool {
		return p == permission{Action: "lambda:InvokeFunction", FunctionName: f.ARN, Principal: "apigateway.amazonaws.com", SourceAccount: r.place.Account, SourceArn: whole}
	})
}
