package stack

import (
	"zapas/localstack/standin/oidc"
)

// People are who can sign in here, without a password. Their groups are those to which the template gives roles.
var People = []oidc.User{
	{Subject: "ada", Name: "Ada Adamska", Email: "ada@demo.example", Groups: []string{"zapas-admin"}},
	{Subject: "olek", Name: "Olek Olszewski", Email: "olek@demo.example", Groups: []string{"zapas-operator"}},
	{Subject: "wera", Name: "Wera Wrona", Email: "wera@demo.example", Groups: []string{"zapas-viewer"}},
	{Subject: "ola", Name: "Ola Okoń", Email: "ola@demo.example", Groups: []string{"zapas-counts-viewer"}},
	{Subject: "jan", Name: "Jan Jarosz", Email: "jan@demo.example", Groups: []string{"zapas-auditor"}},
	{Subject: "anna", Name: "Anna Nowak", Email: "anna@demo.example"},
	{Subject: "piotr", Name: "Piotr Zieliński", Email: "piotr@demo.example"},
}
