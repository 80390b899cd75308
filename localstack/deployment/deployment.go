// Package deployment knows the deployment that runs on this machine: that of the golden template, where it is said to be,
// and what stands here for what a machine does not have. It does not know how it is served.
package deployment

import (
	"zapas/infra/golden"
	"zapas/localstack/standin"
	"zapas/localstack/template"
)

// Where it is said to run: names only, nothing is sent there.
const (
	Account = "000000000000"
	Region  = "eu-central-1"
	Stack   = "zapas-demo"
)

// Names that the template's resources have here. Whoever uses one that the template does not have is told so by the
// service.
const (
	Table     = Stack + "-TableZapas"
	Identity  = Stack + "-TableIdentity"
	VaultKeys = Stack + "-TableVaultkeys"
	Audit     = Stack + "-TableAudit"
	Bucket    = Stack + "-locationeu" // of the location eu
)

// Audience is for whom the development issuer's tokens are, and GroupsClaim where they name groups.
const (
	Audience    = "zapas"
	GroupsClaim = "groups"
)

// Issuer is the address of the development issuer, beside the API.
func Issuer(api string) string { return api + "/oidc" }

// instead is all in which the deployment here differs from what the template says: the development issuer stands for
// Cognito, and the address of the API for CloudFront's. The functions are told the address of what stands in for AWS by the
// environment besides, as the clients of AWS read it.
func instead(api string) map[string]string {
	return map[string]string{
		"https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}": Issuer(api),
		"${UserPoolClient}":                  Audience,
		"cognito:groups":                     GroupsClaim,
		"https://${Distribution.DomainName}": api,
	}
}

// Read reads a template for this machine; nil is the golden one. api is the address of the API.
func Read(from []byte, api string) (*template.Deployment, error) {
	if from == nil {
		from = golden.Template()
	}
	return template.Read(from, template.Place{Account: Account, Region: Region, Stack: Stack, Instead: instead(api)})
}

// ReadAt reads the golden template for tables, buckets and keys elsewhere, under names of their own. The functions and the
// API are here all the same.
func ReadAt(account, region, stack, api string) (*template.Deployment, error) {
	return template.Read(golden.Template(), template.Place{Account: account, Region: region, Stack: stack, Instead: instead(api)})
}

// On makes the golden template's tables, buckets and keys. Its policies are not in force.
func On(a *standin.AWS) (*template.Deployment, error) {
	d, err := Read(nil, "http://api.test")
	if err != nil {
		return nil, err
	}
	return d, d.Create(a)
}

// Tables makes the golden template's tables alone.
func Tables(a *standin.AWS) error {
	d, err := Read(nil, "http://api.test")
	if err != nil {
		return err
	}
	d.Buckets, d.Keys = nil, nil
	return d.Create(a)
}

// VaultKey is the ARN of the key that wraps vault keys, as the function that uses it is told.
func VaultKey(d *template.Deployment) string {
	f, _ := d.Function("sessions")
	return f.Env["ZAPAS_VAULT_KEY"]
}
