// Package scheduler knows how Amazon EventBridge Scheduler keeps schedules, over its REST and JSON protocol, when each is
// due, and how often its target is tried. It does not know who calls, nor what targets do: signatures are checked before a
// request comes here, an Authorizer says what the caller may do, and whoever runs the server calls the targets.
//
// It has CreateSchedule, UpdateSchedule, GetSchedule, DeleteSchedule and ListSchedules, with at, rate and cron expressions
// in every zone of the IANA database, flexible windows, start and end dates, retry policies, deletion after completion,
// client tokens and the context attributes of inputs. Groups are made by the program, and so may schedules be. Every other operation, and every
// member that is not heeded (a key, targets other than Lambda functions of the account, a target without input), answers
// 501 and names itself. A role's trust policy is not asked; its right to invoke the function is, at each attempt. What is
// given up is logged, and goes into the dead-letter queue if the function was never reached; what a function failed at each
// time is Lambda's to drop.
//
// A due invocation is kept before it is first tried, and forgotten once it succeeded or was given up: targets are called at
// least once, and again after a crash. A server that was not running when schedules were due, as AWS always is, makes up
// for it: of each schedule the last missed time is delivered, once, if it is not older than the schedule's maximum event
// age; those before it are dropped.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
	"zapas/localstack/standin/sqs"
)

// Config is what a server needs.
type Config struct {
	Path            string           // the bbolt file, created with mode 0600
	Account, Region string           // for the ARNs of schedules, and of the functions that can be targets
	Authorizer      Authorizer       // nil: everything is allowed
	Now             func() time.Time // by which schedules are due
	Sync            bool             // fsync each commit
	// Send puts a message into a queue, as the caller whom the context names; nil: there are no queues.
	Send func(ctx context.Context, queue string, m sqs.Message) error
	Log  *slog.Logger // nil: nothing is logged
}

// Server is one account's schedules in one region. It is safe for concurrent use.
type Server struct {
	cfg Config
	db  *bolt.DB

	mu        sync.Mutex
	groups    map[string]bool
	schedules map[id]*schedule // as they are in the file; never changed, but replaced
	forgotten time.Time        // when old tokens last were

	ticking sync.Mutex // held by whoever begins calls
	calls   sync.WaitGroup
	under   underway
}

// id is how a schedule is told from others.
type id struct{ group, name string }

// defaultGroup is there in every account.
const defaultGroup = "default"

// The buckets of the file: schedules by their ARN, and what requests with client tokens did.
const (
	schedulesBucket = "schedules"
	tokensBucket    = "tokens"
)

// Open opens the file, or makes it, and reads all of it.
func Open(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	db, err := intact.Open(cfg.Path, cfg.Sync)
	switch {
	case errors.Is(err, intact.ErrInUse):
		return nil, fmt.Errorf("the file of schedules %s is in use by another process: stop that one, or choose another file", cfg.Path)
	case errors.Is(err, intact.ErrDamaged):
		return nil, damaged(cfg, err)
	case err != nil:
		return nil, fmt.Errorf("the file of schedules %s cannot be opened: free space there, or make it writable: %w", cfg.Path, err)
	}
	s := &Server{cfg: cfg, db: db, groups: map[string]bool{defaultGroup: true}, schedules: map[id]*schedule{},
		under: underway{keys: map[key]bool{}}}
	if err := s.read(); err != nil {
		return nil, errors.Join(damaged(cfg, err), db.Close())
	}
	return s, nil
}

func damaged(cfg Config, err error) error {
	return fmt.Errorf("the file of schedules %s is damaged: put a copy of it back, or remove the whole data folder to begin anew (make reset): %w", cfg.Path, err)
}

func (s *Server) read() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists([]byte(tokensBucket)); err != nil {
			return err
		}
		bucket, err := tx.CreateBucketIfNotExists([]byte(schedulesBucket))
		if err != nil {
			return err
		}
		return bucket.ForEach(func(arn, data []byte) error {
			one := &schedule{}
			if err := json.Unmarshal(data, one); err != nil {
				return fmt.Errorf("schedule %s: %w", arn, err)
			}
			if _, err := one.timetable(); err != nil {
				return fmt.Errorf("schedule %s: %w", arn, err)
			}
			s.schedules[one.id()] = one
			return nil
		})
	})
}

// Close closes the file. Run must have ended.
func (s *Server) Close() error { return s.db.Close() }

// CreateGroup makes a group; one that is there stays as it is.
func (s *Server) CreateGroup(name string) error {
	if !namePattern().MatchString(name) {
		return fmt.Errorf("the schedule group %q must have 1 to 64 letters, digits, -, _ or dots as its name", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[name] = true
	return nil
}

func (s *Server) arn(i id) string {
	return "arn:aws:scheduler:" + s.cfg.Region + ":" + s.cfg.Account + ":schedule/" + i.group + "/" + i.name
}

// save writes what became of a schedule, nil: it is gone, and then shows it. What cannot be written is as it was. t, if
// there is one, is remembered with it.
func (s *Server) save(i id, one *schedule, t *token) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		if t != nil {
			if err := t.put(tx); err != nil {
				return err
			}
		}
		if one == nil {
			return intact.Delete(tx, []byte(schedulesBucket), []byte(s.arn(i)))
		}
		data, err := json.Marshal(one)
		if err != nil {
			return err
		}
		return intact.Put(tx, []byte(schedulesBucket), []byte(s.arn(i)), data)
	})
	switch {
	case err != nil:
		return fmt.Errorf("the file of schedules %s cannot be written and stays as it was; free space there, or make it writable: %w", s.cfg.Path, err)
	case one == nil:
		delete(s.schedules, i)
	default:
		s.schedules[i] = one
	}
	return nil
}
