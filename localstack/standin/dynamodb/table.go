package dynamodb

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"zapas/localstack/standin/dynamodb/expression"
)

// Table is what a table is made of.
type Table struct {
	Name    string
	Key     Key
	Indexes []Index // global secondary indexes
	TTL     string  // the attribute of type N that holds the epoch second of an item's end, or ""
}

// Key is a partition key and, unless Sort.Name is empty, a sort key.
type Key struct {
	Partition, Sort Attribute
}

// Attribute is a key attribute; Type is "S", "N" or "B".
type Attribute struct {
	Name string
	Type string
}

// Index is a global secondary index.
type Index struct {
	Name       string
	Key        Key
	Projection string   // "ALL", "KEYS_ONLY" or "INCLUDE"
	Include    []string // for "INCLUDE": the attributes beside the keys
}

// check refuses a table that DynamoDB would not create.
func (t Table) check() error {
	if !lawfulName(t.Name) {
		return fmt.Errorf("table name %q: use 3 to 255 letters, digits, '_', '-' or '.'", t.Name)
	}
	types := map[string]string{}
	if err := t.Key.check(types); err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	names := map[string]bool{}
	for _, x := range t.Indexes {
		if !lawfulName(x.Name) || names[x.Name] {
			return fmt.Errorf("table %s: index name %q: use another name of 3 to 255 letters, digits, '_', '-' or '.'", t.Name, x.Name)
		}
		names[x.Name] = true
		if err := x.Key.check(types); err != nil {
			return fmt.Errorf("table %s, index %s: %w", t.Name, x.Name, err)
		}
		if (x.Projection == "INCLUDE") != (len(x.Include) > 0) {
			return fmt.Errorf("table %s, index %s: Include belongs to the projection INCLUDE and only to it", t.Name, x.Name)
		}
		if !slices.Contains([]string{"ALL", "KEYS_ONLY", "INCLUDE"}, x.Projection) {
			return fmt.Errorf("table %s, index %s: projection %q: use ALL, KEYS_ONLY or INCLUDE", t.Name, x.Name, x.Projection)
		}
	}
	return nil
}

// check collects the attributes' types, which must be the same wherever one is used.
func (k Key) check(types map[string]string) error {
	if k.Partition.Name == "" {
		return errors.New("the partition key has no name")
	}
	if k.Partition.Name == k.Sort.Name {
		return fmt.Errorf("attribute %q is both partition and sort key", k.Sort.Name)
	}
	for _, a := range k.attributes() {
		if a.Type != "S" && a.Type != "N" && a.Type != "B" {
			return fmt.Errorf("attribute %q has type %q: use S, N or B", a.Name, a.Type)
		}
		if known, ok := types[a.Name]; ok && known != a.Type {
			return fmt.Errorf("attribute %q has type %s here and %s elsewhere", a.Name, a.Type, known)
		}
		types[a.Name] = a.Type
	}
	return nil
}

func lawfulName(name string) bool {
	const lawful = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
	return len(name) >= 3 && len(name) <= 255 && strings.Trim(name, lawful) == ""
}

func (t Table) index(name string) (Index, bool) {
	at := slices.IndexFunc(t.Indexes, func(x Index) bool { return x.Name == name })
	if at < 0 {
		return Index{}, false
	}
	return t.Indexes[at], true
}

// projects says whether the index holds an attribute.
func (x Index) projects(t Table, name string) bool {
	return x.Projection == "ALL" || t.Key.has(name) || x.Key.has(name) || slices.Contains(x.Include, name)
}

// entry is what the index holds of an item; nil when the item is not in it.
func (x Index) entry(t Table, it item) item {
	if it == nil || !x.covers(it) {
		return nil
	}
	entry := item{}
	for name, v := range it {
		if x.projects(t, name) {
			entry[name] = v
		}
	}
	return entry
}

// checkItem refuses an item that may not be stored, its key apart.
func (t Table) checkItem(it item, tooLarge string) error {
	for _, x := range t.Indexes {
		if err := x.check(it); err != nil {
			return err
		}
	}
	if err := expression.CheckDepth(it); err != nil {
		return err
	}
	if expression.SizeOf(it) > maxItem {
		return invalid("%s", tooLarge)
	}
	return nil
}
