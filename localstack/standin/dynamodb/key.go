package dynamodb

import (
	"bytes"
	"slices"

	"zapas/localstack/standin/dynamodb/expression"
)

// Limits of key values: page "Quotas in Amazon DynamoDB".
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// appendKey adds a key value so that the bytes of whole keys compare as DynamoDB
// orders them, and no value's bytes are the beginning of another's. A zero byte
// becomes 00 FF; 00 01 closes the value.
func appendKey(key []byte, v expression.Value) []byte {
	if v.Kind == "N" {
		return append(key, v.NumberKey()...)
	}
	return append(appendPrefix(key, v), 0, 1)
}

// appendPrefix adds what all strings or binaries with this beginning begin with.
func appendPrefix(key []byte, v expression.Value) []byte {
	return append(key, bytes.ReplaceAll([]byte(v.Text), []byte{0}, []byte{0, 0xff})...)
}

// after is the first key past all that begin with prefix. A key never consists of FF
// bytes alone, since something closes its partition key.
func after(prefix []byte) []byte {
	end := bytes.TrimRight(prefix, "\xff")
	end = slices.Clone(end)
	end[len(end)-1]++
	return end
}

// attributes are the partition key and the sort key, if there is one.
func (k Key) attributes() []Attribute {
	if k.Sort.Name == "" {
		return []Attribute{k.Partition}
	}
	return []Attribute{k.Partition, k.Sort}
}

func (k Key) has(name string) bool {
	return slices.ContainsFunc(k.attributes(), func(a Attribute) bool { return a.Name == name })
}

// encode makes the key bytes of an item that has all of the key's attributes.
func (k Key) encode(it item) []byte {
	var key []byte
	for _, a := range k.attributes() {
		key = appendKey(key, it[a.Name])
	}
	return key
}

// of is the part of an item that is its key.
func (k Key) of(it item) item {
	key := item{}
	for _, a := range k.attributes() {
		if v, ok := it[a.Name]; ok {
			key[a.Name] = v
		}
	}
	return key
}

// checkItem refuses an item to be put whose key is missing, of another type, or of a
// size that keys cannot have.
func (k Key) checkItem(it item) error {
	for _, a := range k.attributes() {
		v, ok := it[a.Name]
		if !ok {
			return invalid("One or more parameter values were invalid: Missing the key %s in the item", a.Name)
		}
		if v.Kind != a.Type {
			return invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", a.Name, a.Type, v.Kind)
		}
	}
	return k.checkSizes(it)
}

// checkKey refuses what is not exactly a key.
func (k Key) checkKey(key item) error {
	attributes := k.attributes()
	for _, a := range attributes {
		if key[a.Name].Kind != a.Type {
			return invalid("The provided key element does not match the schema")
		}
	}
	if len(key) != len(attributes) {
		return invalid("The provided key element does not match the schema")
	}
	return k.checkSizes(key)
}

func (k Key) checkSizes(it item) error {
	for i, a := range k.attributes() {
		if err := checkKeyValue(a.Name, it[a.Name], i == 1); err != nil {
			return err
		}
	}
	return nil
}

func checkKeyValue(name string, v expression.Value, sort bool) error {
	limit, part := maxPartitionKey, "hashkey"
	if sort {
		limit, part = maxSortKey, "rangekey"
	}
	switch {
	case v.Kind == "N":
		return nil
	case v.Text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s",
			typeName(v.Kind), name)
	case len(v.Text) > limit:
		return invalid("One or more parameter values were invalid: Size of %s has exceeded the maximum size limit of %d bytes", part, limit)
	}
	return nil
}

func typeName(kind string) string {
	if kind == "B" {
		return "binary"
	}
	return "string"
}

// covers says whether an item has what it takes to be in the index.
func (x Index) covers(it item) bool {
	return !slices.ContainsFunc(x.Key.attributes(), func(a Attribute) bool { _, ok := it[a.Name]; return !ok })
}

// check refuses an item whose attributes cannot be the index's key; lacking them is fine.
func (x Index) check(it item) error {
	for i, a := range x.Key.attributes() {
		v, ok := it[a.Name]
		if !ok {
			continue
		}
		if v.Kind != a.Type {
			return invalid("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
				a.Name, a.Type, v.Kind, x.Name)
		}
		if err := checkKeyValue(a.Name, v, i == 1); err != nil {
			return err
		}
	}
	return nil
}
