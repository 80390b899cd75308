// Package dynamodb knows how Amazon DynamoDB answers, over its wire protocol (JSON
// 1.0), and keeps the items in one bbolt file. It does not know what the tables are
// for, nor who calls: signatures are checked in front of it, and an Authorizer says
// what the caller may do.
//
// It has GetItem, PutItem, UpdateItem, DeleteItem, Query and TransactWriteItems with
// the expression language, number and key order, global secondary indexes, limits,
// return values, capacity figures, cancellation reasons, request tokens and error
// types of the Amazon DynamoDB Developer Guide and API Reference. A write is visible
// to every later read, in indexes as well: staleness is not played.
//
// It has of what makes tables CreateTable, DescribeTable, UpdateTimeToLive, PutResourcePolicy and DeleteTable, as far as
// a deployment is made of them; what they do is done when they answer.
//
// It has not: any other operation (Scan and the batch and transactional reads among
// them), which answers 501 and names itself; parameters from before expressions;
// local secondary indexes, streams, PartiQL, throttling, transaction conflicts
// (writers wait for each other). Where the documents leave a rule open it takes the
// stricter reading, so that what passes here passes there.
package dynamodb

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
	"zapas/localstack/standin/intact"
)

const (
	// reapBatch is how many items Reap removes in one transaction, so that writers get their turn.
	reapBatch = 500
	// ttlPast: items whose end is longer ago are not removed (page "Using time to live (TTL) in DynamoDB").
	ttlPast = 5 * 365 * 24 * time.Hour
)

// Config is what a server needs.
type Config struct {
	Path            string     // the bbolt file, created with mode 0600
	Account, Region string     // for the ARNs of tables
	Authorizer      Authorizer // nil: everything is allowed
	// Attach puts the policy of a table, named by its ARN, in force; nil: tables have no policies.
	Attach func(arn string, policy []byte) error
	Now    func() time.Time // for request tokens and TTL
	Sync   bool             // fsync each commit; without it a crash of the machine may damage the file
	Log    *slog.Logger     // nil: nothing is logged
}

// Server is one account's tables in one region.
type Server struct {
	config   Config
	db       *bolt.DB
	log      *slog.Logger
	opened   time.Time
	requests atomic.Uint64
	meter    meter
	mu       sync.RWMutex // guards tables
	tables   map[string]Table
}

// meter adds up what all requests consumed.
type meter struct {
	mu            sync.Mutex
	writes, reads float64
}

func (m *meter) write(units float64) { m.mu.Lock(); m.writes += units; m.mu.Unlock() }
func (m *meter) read(units float64)  { m.mu.Lock(); m.reads += units; m.mu.Unlock() }

// Open opens the file, or makes it, and reads all of it once, so that damage is
// found here.
func Open(config Config) (*Server, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	db, err := intact.Open(config.Path, config.Sync)
	switch {
	case errors.Is(err, intact.ErrInUse):
		return nil, fmt.Errorf("the DynamoDB file %s is in use by another process: stop that one, or choose another file", config.Path)
	case errors.Is(err, intact.ErrDamaged):
		return nil, damaged(config, err)
	case intact.Full(err):
		return nil, full(config, err)
	case err != nil:
		return nil, fmt.Errorf("the DynamoDB file %s cannot be opened: %w", config.Path, err)
	}
	s := &Server{config: config, db: db, log: config.Log, opened: config.Now(), tables: map[string]Table{}}
	if err := s.readTables(); err != nil {
		if intact.Full(err) {
			return nil, errors.Join(full(config, err), db.Close())
		}
		return nil, errors.Join(damaged(config, err), db.Close())
	}
	return s, nil
}

func damaged(c Config, err error) error {
	return fmt.Errorf("the DynamoDB file %s is damaged: put a copy of it back, or remove the whole data folder to begin anew (make reset): %w", c.Path, err)
}

func full(c Config, err error) error {
	return fmt.Errorf("the disk that holds %s is full and nothing was stored: free space there and repeat the call: %w", c.Path, err)
}

func (s *Server) readTables() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists([]byte(tokensBucket)); err != nil {
			return err
		}
		tables, err := tx.CreateBucketIfNotExists([]byte(tablesBucket))
		if err != nil {
			return err
		}
		return tables.ForEach(func(name, data []byte) error {
			var t Table
			if err := json.Unmarshal(data, &t); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
			s.tables[t.Name] = t
			return t.makeBuckets(tx)
		})
	})
}

// Create makes a table. The same table again is no change; another of that name is an error.
func (s *Server) Create(t Table) error {
	if err := t.check(); err != nil {
		return err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.Update(func(tx *bolt.Tx) error {
		tables := tx.Bucket([]byte(tablesBucket))
		if there := tables.Get([]byte(t.Name)); there != nil {
			if !bytes.Equal(there, data) {
				return fmt.Errorf("table %s exists with other keys, indexes or TTL: remove the DynamoDB file to start with empty tables", t.Name)
			}
			return nil
		}
		if err := t.makeBuckets(tx); err != nil {
			return err
		}
		return intact.Put(tx, []byte(tablesBucket), []byte(t.Name), data)
	})
	if intact.Full(err) {
		return full(s.config, err)
	}
	if err == nil {
		s.tables[t.Name] = t
	}
	return err
}

// buckets are the names of the buckets that a table has.
func (t Table) buckets() [][]byte {
	names := [][]byte{itemsBucket(t.Name), endsBucket(t.Name)}
	for _, x := range t.Indexes {
		names = append(names, indexBucket(t.Name, x.Name))
	}
	return names
}

// makeBuckets makes the buckets that a table has; those that are there stay as they are.
func (t Table) makeBuckets(tx *bolt.Tx) error {
	for _, name := range t.buckets() {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) table(name string) (Table, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, ok := s.tables[name]
	if !ok {
		return Table{}, refuse(typeNotFound, "Requested resource not found: Table: %s not found", name)
	}
	return t, nil
}

// Reap removes the items whose TTL attribute is a time that has passed, and forgets
// request tokens that are too old to matter. n counts the items.
func (s *Server) Reap() (n int, err error) {
	if err := s.db.Update(func(tx *bolt.Tx) error { return forgetTokens(tx, s.now()) }); err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, t := range s.tables {
		for t.TTL != "" {
			removed, err := s.reapSome(t)
			n += removed
			if err != nil {
				return n, err
			}
			if removed < reapBatch {
				break
			}
		}
	}
	return n, nil
}

// reapSome removes up to reapBatch items of one table.
func (s *Server) reapSome(t Table) (removed int, err error) {
	now := s.now()
	low, high := second(now.Add(-ttlPast)), second(now)
	err = s.db.Update(func(tx *bolt.Tx) error {
		var keys [][]byte
		cursor := tx.Bucket(endsBucket(t.Name)).Cursor()
		for end, key := cursor.Seek(low); end != nil && bytes.Compare(end, high) < 0 && len(keys) < reapBatch; end, key = cursor.Next() {
			keys = append(keys, slices.Clone(key))
		}
		for _, key := range keys {
			old, err := t.load(tx, key)
			if err != nil {
				return err
			}
			if err := t.replace(tx, key, old, nil); err != nil {
				return err
			}
		}
		removed = len(keys)
		return nil
	})
	return removed, err
}

// second is the key bytes of a time in epoch seconds.
func second(at time.Time) []byte {
	return appendKey(nil, expression.Value{Kind: "N", Text: strconv.FormatInt(at.Unix(), 10)})
}

// Consumed is what all requests since Open consumed together, in write and read
// request units, those that a condition stopped included.
func (s *Server) Consumed() (writes, reads float64) {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	return s.meter.writes, s.meter.reads
}

// Close waits for requests under way and closes the file.
func (s *Server) Close() error { return s.db.Close() }
