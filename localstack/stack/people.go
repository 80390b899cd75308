package stack

import (
	"encoding/json"

	"zapas/localstack/resources"
	"zapas/localstack/standin/oidc"
)

const audience = "zapas"

// People are who can sign in here, without a password.
var People = []oidc.User{
	{Subject: "ada", Name: "Ada Adamska", Email: "ada@demo.example", Groups: []string{"zapas-admins"}},
	{Subject: "olek", Name: "Olek Olszewski", Email: "olek@demo.example", Groups: []string{"zapas-operators"}},
	{Subject: "wera", Name: "Wera Wrona", Email: "wera@demo.example", Groups: []string{"zapas-viewers"}},
	{Subject: "ola", Name: "Ola Okoń", Email: "ola@demo.example", Groups: []string{"zapas-counts-viewers"}},
	{Subject: "jan", Name: "Jan Jarosz", Email: "jan@demo.example", Groups: []string{"zapas-auditors"}},
	{Subject: "anna", Name: "Anna Nowak", Email: "anna@demo.example"},
	{Subject: "piotr", Name: "Piotr Zieliński", Email: "piotr@demo.example"},
}

// roles says what the groups are allowed.
var roles = map[string]string{"zapas-admins": "admin", "zapas-operators": "operator", "zapas-viewers": "viewer", "zapas-counts-viewers": "counts-viewer",
	"zapas-auditors": "auditor"}

// environment is what every function is told; key is the vault key's ARN.
func (s *Stack) environment(key string) (map[string]string, error) {
	groups, err := json.Marshal(roles)
	if err != nil {
		return nil, err
	}
	locations, err := json.Marshal(resources.Locations)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"AWS_ENDPOINT_URL":      s.AWSURL,
		"ZAPAS_API":             s.URL,
		"ZAPAS_TENANT":          Tenant,
		"ZAPAS_ISSUER":          s.URL + "/oidc",
		"ZAPAS_AUDIENCE":        audience,
		"ZAPAS_GROUPS_CLAIM":    "groups",
		"ZAPAS_ROLES":           string(groups),
		"ZAPAS_TABLE":           resources.Table,
		"ZAPAS_TABLE_IDENTITY":  resources.Identity,
		"ZAPAS_TABLE_VAULTKEYS": resources.VaultKeys,
		"ZAPAS_TABLE_AUDIT":     resources.Audit,
		"ZAPAS_VAULT_KEY":       key,
		"ZAPAS_LOCATIONS":       string(locations),
		"ZAPAS_QUOTA":           "10737418240",
	}, nil
}
