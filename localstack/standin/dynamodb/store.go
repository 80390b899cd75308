package dynamodb

import (
	"fmt"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
)

// The buckets of the file. A table's items lie in a bucket of its own, each under
// its key's bytes; each index is a bucket as well, its keys followed by the table's
// so that equal index keys stand side by side. The ends bucket of a table with a TTL
// is an index of items by the second of their end.
const (
	tablesBucket = "tables"
	tokensBucket = "tokens"
)

func itemsBucket(table string) []byte        { return []byte("items/" + table) }
func indexBucket(table, index string) []byte { return []byte("index/" + table + "/" + index) }
func endsBucket(table string) []byte         { return []byte("ends/" + table) }

// load reads an item; nil when there is none.
func (t Table) load(tx *bolt.Tx, key []byte) (item, error) {
	data := tx.Bucket(itemsBucket(t.Name)).Get(key)
	if data == nil {
		return nil, nil
	}
	return decodeItem(data)
}

func decodeItem(data []byte) (item, error) {
	var it item
	if err := json.Unmarshal(data, &it); err != nil {
		return nil, fmt.Errorf("a stored item cannot be read: %w", err)
	}
	return it, nil
}

// replace writes new in place of old, in the table and wherever else it shows; nil is no item.
func (t Table) replace(tx *bolt.Tx, key []byte, old, new item) error {
	if err := change(tx, itemsBucket(t.Name), key, key, old, new); err != nil {
		return err
	}
	for _, x := range t.Indexes {
		before, after := x.entry(t, old), x.entry(t, new)
		err := change(tx, indexBucket(t.Name, x.Name), x.key(before, key), x.key(after, key), before, after)
		if err != nil {
			return err
		}
	}
	if t.TTL == "" {
		return nil
	}
	ends := endsBucket(t.Name)
	if end, ok := t.end(old); ok {
		if err := intact.Delete(tx, ends, append(end, key...)); err != nil {
			return err
		}
	}
	if end, ok := t.end(new); ok {
		return intact.Put(tx, ends, append(end, key...), key)
	}
	return nil
}

// key is where the index keeps an entry.
func (x Index) key(entry item, tableKey []byte) []byte {
	if entry == nil {
		return nil
	}
	return append(x.Key.encode(entry), tableKey...)
}

// end is the key bytes of the time at which an item ends, if it has one.
func (t Table) end(it item) ([]byte, bool) {
	v, ok := it[t.TTL]
	if !ok || v.Kind != "N" {
		return nil, false
	}
	return appendKey(nil, v), true
}

// change puts new at its place in a bucket and takes old from where it was.
func change(tx *bolt.Tx, bucket, oldKey, newKey []byte, old, new item) error {
	if old != nil && string(oldKey) != string(newKey) || new == nil {
		if oldKey != nil {
			if err := intact.Delete(tx, bucket, oldKey); err != nil {
				return err
			}
		}
	}
	if new == nil {
		return nil
	}
	data, err := json.Marshal(new)
	if err != nil {
		return err
	}
	return intact.Put(tx, bucket, newKey, data)
}
