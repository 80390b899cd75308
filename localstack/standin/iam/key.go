package iam

import (
	"slices"
	"strings"
)

// Keys are the condition keys of a request, by their names in lower case: names are not case-sensitive.
type Keys map[string][]string

// Add gives a key values. A key without a value is absent.
func (k Keys) Add(name string, values ...string) {
	if len(values) > 0 {
		name = strings.ToLower(name)
		k[name] = append(k[name], values...)
	}
}

// With is a copy to add to.
func (k Keys) With() Keys {
	c := Keys{}
	for name, values := range k {
		c[name] = slices.Clone(values)
	}
	return c
}

// Keys that every request has.
const (
	keyPrincipalARN     = "aws:PrincipalArn"
	keyPrincipalAccount = "aws:PrincipalAccount"
	keySecureTransport  = "aws:SecureTransport"
)

// valuesOf says whether a policy may name a key, and whether the key may have several values.
//
// Only keys that the stand-ins give are known, and those of calls that services make of their own (SourceArn and its like),
// which no stand-in plays: of any other, policies would be evaluated as if every request lacked it.
func valuesOf(name string) (several, known bool) {
	switch name = strings.ToLower(name); name {
	case "dynamodb:leadingkeys", "kms:encryptioncontextkeys":
		return true, true
	case "aws:principalarn", "aws:principalaccount", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn",
		"s3:authtype", "s3:signatureage", "s3:prefix", "s3:if-none-match", "kms:viaservice", "iam:passedtoservice":
		return false, true
	}
	return false, strings.HasPrefix(name, "kms:encryptioncontext:")
}
