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
	return append(wrong, t.oneIssuer()...)
}

// oneIssuer: the API, the functions and the settings mean the same issuer. Where there is a user pool, it is the pool.
func (t Template) oneIssuer() (wrong []string) {
	jwt := at(t.Resources["Authorizer"].Properties, "JwtConfiguration")
	issuer, audience := text(at(jwt, "Issuer")), strings.Join(texts(at(jwt, "Audience")), ",")
	for _, id := range t.of("AWS::Lambda::Function") {
		told := at(t.Resources[id].Properties, "Environment", "Variables")
		if at(told, "ZAPAS_ISSUER") != nil && (text(at(told, "ZAPAS_ISSUER")) != issuer || text(at(told, "ZAPAS_AUDIENCE")) != audience) {
			wrong = append(wrong, fmt.Sprintf("%s takes tokens of another issuer than %s, or for others than %s", id, issuer, audience))
		}
	}
	if len(t.of("AWS::Cognito::UserPool")) > 0 && (issuer != "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}" || audience != "${UserPoolClient}") {
		wrong = append(wrong, fmt.Sprintf("there is a user pool, and tokens are taken of %s for %s", issuer, audience))
	}
	return wrong
}
