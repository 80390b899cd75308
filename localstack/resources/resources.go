// Package resources knows what a deployment of Zapas consists of: its tables, its buckets and its key. It does not know
// what is kept in them.
package resources

import (
	"zapas/localstack/standin/dynamodb"
)

// Names of the tables.
const (
	Table     = "zapas"
	Identity  = "identity"
	VaultKeys = "vaultkeys"
	Audit     = "audit"
)

// VaultKey is the alias of the key that wraps vault keys.
const VaultKey = "alias/zapas-vault"

// Location is a bucket that profiles may choose.
type Location struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Region string `json:"region"`
	Bucket string `json:"bucket"`
}

// Locations are all there are.
var Locations = []Location{
	{ID: "eu", Name: "Frankfurt", Region: "eu-central-1", Bucket: "zapas-eu"},
}

// Tables lists them: all have the same key, and an attribute that ends a row's life.
func Tables() []dynamodb.Table {
	key := func(partition, sort string) dynamodb.Key {
		return dynamodb.Key{Partition: dynamodb.Attribute{Name: partition, Type: "S"}, Sort: dynamodb.Attribute{Name: sort, Type: "S"}}
	}
	var all []dynamodb.Table
	for _, name := range []string{Table, Identity, VaultKeys, Audit} {
		all = append(all, dynamodb.Table{Name: name, Key: key("PK", "SK"), TTL: "ttl"})
	}
	all[0].Indexes = []dynamodb.Index{
		{Name: "owner", Key: key("owner", "PK"), Projection: "ALL"},
		{Name: "fleet", Key: key("fleet", "fleetKey"), Projection: "ALL"},
	}
	all[1].Indexes = []dynamodb.Index{{Name: "users", Key: key("users", "userKey"), Projection: "INCLUDE", Include: []string{"id", "name", "email"}}}
	return all
}
