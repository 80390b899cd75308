// Package dynamodb knows how Amazon DynamoDB answers, over its wire protocol (JSON
// 1.0), and keeps the items in one bbolt file. It does not know what the tables are
// for, nor who calls: signatures and policies are checked in front of it.
//
// It has GetItem, PutItem, UpdateItem, DeleteItem, Query and TransactWriteItems with
// the expression language, number and key order, global secondary indexes, limits,
// return values, capacity figures, cancellation reasons, request tokens and error
// types of the Amazon DynamoDB Developer Guide and API Reference. A write is visible
// to every later read, in indexes as well: staleness is not played.
//
// It has not: any other operation (Scan and the batch and transactional reads among
// them), which answers 501 and names itself; parameters from before expressions;
// local secondary indexes, streams, PartiQL, throttling, transaction conflicts
// (writers wait for each other). Tables are made by Create, not over the wire. Where
// the documents leave a rule open it takes the stricter reading, so that what passes
// here passes there.
package dynamodb

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"zapas/localstack/standin/dynamodb/expression"
)

const (
	// lockWait is how long Open waits for another process to let go of the file.
	lockWait = time.Second
	// reapBatch is how many items Reap removes in one transaction, so that writers get their turn.
	reapBatch = 500
	// ttlPast: items whose end is longer ago are not removed (page "Using time to live (TTL) in DynamoDB").
	ttlPast = 5 * 365 * 24 * time.Hour
)

// Config is what a server needs.
type Config struct {
	Path string           // the bbolt file, created with mode 0600
	Now  func() time.Time // for request tokens and TTL
	Sync bool             // fsync each commit; without it a crash of the machine may damage the file
	Log  *slog.Logger     // nil: nothing is logged
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
	db, err := openFile(config)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("the DynamoDB file %s is in use by another process: stop that one, or choose another file", config.Path)
	}
	if errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("the DynamoDB file %s is damaged: remove it to start with empty tables: %w", config.Path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the DynamoDB file %s cannot be opened: %w", config.Path, err)
	}
	s := &Server{config: config, db: db, log: config.Log, opened: config.Now(), tables: map[string]Table{}}
	if err := s.readTables(); err != nil {
		return nil, errors.Join(fmt.Errorf("the DynamoDB file %s is damaged: remove it to start with empty tables: %w", config.Path, err), db.Close())
	}
	return s, nil
}

var errDamaged = errors.New("its structure is not sound")

// openFile opens the file and walks it. A page that is not what it should be makes
// bbolt panic, one past the end of a file cut short makes the memory fault; both
// are damage.
func openFile(config Config) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if what := recover(); what != nil {
			db, err = nil, fmt.Errorf("%w: %v", errDamaged, what)
		}
	}()
	db, err = bolt.Open(config.Path, 0o600, &bolt.Options{Timeout: lockWait, NoSync: !config.Sync, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		if info, err := os.Stat(config.Path); err != nil || info.Size() < tx.Size() {
			return errors.Join(fmt.Errorf("%w: it has been cut short", errDamaged), err)
		}
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				if len(k) == 0 {
					return errDamaged
				}
				return nil
			})
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
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
			return nil
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
		buckets := [][]byte{itemsBucket(t.Name), endsBucket(t.Name)}
		for _, x := range t.Indexes {
			buckets = append(buckets, indexBucket(t.Name, x.Name))
		}
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tables.Put([]byte(t.Name), data)
	})
	if err == nil {
		s.tables[t.Name] = t
	}
	return err
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
