package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"zapas/shared/api"
)

// routesAreTheContract: every operation of openapi.yaml has its route, its function and its authorizer, and there is no
// other route.
func routesAreTheContract(t Template) (wrong []string) {
	made := map[string]string{}
	for _, id := range t.of("AWS::ApiGatewayV2::Route") {
		p := t.Resources[id].Properties
		target := t.Resources[strings.TrimSuffix(strings.TrimPrefix(text(p["Target"]), "integrations/${"), "}")].Properties
		authorizer := text(p["AuthorizationType"])
		if authorizer == "JWT" {
			authorizer += " " + text(p["AuthorizerId"])
		}
		made[text(p["RouteKey"])] = fmt.Sprintf("%s, %s, payload %s", text(target["IntegrationUri"]), authorizer, text(target["PayloadFormatVersion"]))
	}
	for _, r := range api.Routes {
		authorizer := "NONE"
		if r.Auth == api.AuthConsole {
			authorizer = "JWT ${Authorizer}"
		}
		want := fmt.Sprintf("${Function%s.Arn}, %s, payload 2.0", strings.ToUpper(r.Function[:1])+r.Function[1:], authorizer)
		if made[r.Key()] != want {
			wrong = append(wrong, fmt.Sprintf("%s goes to %q, want %q", r.Key(), made[r.Key()], want))
		}
		delete(made, r.Key())
	}
	for _, key := range slices.Sorted(maps.Keys(made)) {
		wrong = append(wrong, key+" is a route that the contract does not have")
	}
	authorizer := t.Resources["Authorizer"].Properties
	if authorizer["AuthorizerType"] != "JWT" || text(at(authorizer, "JwtConfiguration", "Issuer")) == "" || len(texts(at(authorizer, "JwtConfiguration", "Audience"))) == 0 {
		wrong = append(wrong, "the authorizer asks for no token of an issuer")
	}
	return wrong
}
