package kms

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A keyring is all keys and aliases; it is the key file.
type keyring struct {
	Keys    []*key            `json:"keys"`
	Aliases map[string]string `json:"aliases"` // alias/name -> key id
	// Sum is over the rest: another secret would be as good a key, and open nothing.
	Sum string `json:"sum"`
}

// sum is what Sum has to be.
func (r keyring) sum() (string, error) {
	r.Sum = ""
	text, err := json.Marshal(r, json.Deterministic(true))
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:]), err
}

func (r keyring) byID(id string) *key {
	for _, k := range r.Keys {
		if k.ID == id {
			return k
		}
	}
	return nil
}

// clone copies what a change may touch, so that a change that cannot be saved is
// no change.
func (r keyring) clone() keyring {
	c := keyring{Aliases: make(map[string]string, len(r.Aliases))}
	for _, k := range r.Keys {
		copied := *k
		copied.Versions = append([][]byte(nil), k.Versions...)
		c.Keys = append(c.Keys, &copied)
	}
	for alias, id := range r.Aliases {
		c.Aliases[alias] = id
	}
	return c
}

// check refuses a ring whose use would panic, or seal with less than it says.
func (r keyring) check() error {
	for _, k := range r.Keys {
		if !keyID().MatchString(k.ID) || len(k.Versions) == 0 {
			return errors.New("a key has no valid id or no version")
		}
		for _, secret := range k.Versions {
			if len(secret) != secretSize {
				return fmt.Errorf("a version of the key %s has not %d bytes", k.ID, secretSize)
			}
		}
	}
	for alias, id := range r.Aliases {
		if r.byID(id) == nil {
			return fmt.Errorf("%s points to no key", alias)
		}
	}
	if sum, err := r.sum(); err != nil || sum != r.Sum {
		return errors.Join(errors.New("the keys are not those that were saved"), err)
	}
	return nil
}

const secretSize = 32

func keyID() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
}

// Open reads the key file, if there is one. One that cannot be read is refused,
// never replaced: everything sealed under its keys would be lost.
func Open(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, keys: keyring{Aliases: map[string]string{}}}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the key folder cannot be made: %w", err)
	}
	raw, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.keys, json.RejectUnknownMembers(true))
	}
	if err == nil {
		err = s.keys.check()
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s cannot be read: put it back from a copy, or remove the whole data folder to begin anew (make reset): %w", s.file(), err)
	}
	return s, nil
}

// Close ends the use of the keys; they are on the disk since they were made.
func (s *Server) Close() error { return nil }

func (s *Server) file() string { return filepath.Join(s.cfg.Dir, "keys.json") }

// CreateKey makes a key with an alias ("alias/name") and answers its ARN. If the
// alias exists, it is that key's.
func (s *Server) CreateKey(alias string) (arn string, err error) {
	if !regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`).MatchString(alias) || strings.HasPrefix(alias, "alias/aws/") {
		return "", fmt.Errorf("the alias %q must be alias/ and up to 250 letters, digits, /, _ or -, and not begin with alias/aws/", alias)
	}
	err = s.change(func(ring *keyring) error {
		if id, ok := ring.Aliases[alias]; ok {
			arn = s.arn(ring.byID(id))
			return nil
		}
		k := &key{ID: newID(), Created: s.cfg.Now().UTC(), State: Enabled}
		ring.Keys = append(ring.Keys, k)
		ring.Aliases[alias] = k.ID
		arn = s.arn(k)
		return k.rotate()
	})
	return arn, err
}

func newID() string {
	id := make([]byte, 16)
	rand.Read(id)                                   // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4: RFC 9562, 5.4
	return uuid(id)
}

// Create makes keys with the ids, UUIDs, that it is given; those that exist are left as they are.
func (s *Server) Create(ids ...string) error {
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return s.Fingerprint(id) != "" })
	if len(missing) == 0 {
		return nil
	}
	return s.change(func(ring *keyring) error {
		for _, id := range missing {
			if ring.byID(id) != nil { // made in the meantime
				continue
			}
			if !keyID().MatchString(id) {
				return fmt.Errorf("the id %q of a key must be a UUID", id)
			}
			k := &key{ID: id, Created: s.cfg.Now().UTC(), State: Enabled}
			ring.Keys = append(ring.Keys, k)
			if err := k.rotate(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Fingerprint tells a key from all others that bear its id, without telling its secret; "": there is none.
func (s *Server) Fingerprint(id string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.keys.byID(id)
	if k == nil {
		return ""
	}
	digest := sha256.Sum256(append([]byte("fingerprint of "+id+" "), k.Versions[0]...))
	return hex.EncodeToString(digest[:8])
}

// Rotate gives a key (by id, ARN or alias) a new version, which seals from now on.
func (s *Server) Rotate(id string) error {
	return s.changeKey(id, func(k *key) error { return k.rotate() })
}

// SetState enables or disables a key (by id, ARN or alias), or marks it for deletion.
func (s *Server) SetState(id string, state State) error {
	return s.changeKey(id, func(k *key) error {
		k.State = state
		return nil
	})
}

func (k *key) rotate() error {
	secret := make([]byte, secretSize)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	k.Versions = append(k.Versions, secret)
	return nil
}

func (s *Server) changeKey(id string, do func(*key) error) error {
	return s.change(func(ring *keyring) error {
		k, err := s.resolve(id)
		if err != nil {
			return err
		}
		return do(ring.byID(k.ID))
	})
}

// change saves a changed copy of the ring and then uses it: nothing is sealed
// under a key that a crash could lose.
func (s *Server) change(do func(*keyring) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ring := s.keys.clone()
	if err := do(&ring); err != nil {
		return err
	}
	if err := s.save(ring); err != nil {
		return fmt.Errorf("the key file %s cannot be written and stays as it was; free space there, or make it writable: %w", s.file(), err)
	}
	s.keys = ring
	return nil
}

func (s *Server) save(ring keyring) (err error) {
	if ring.Sum, err = ring.sum(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, ring, json.Deterministic(true), jsontext.Multiline(true)); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.cfg.Dir, "keys-*.tmp") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), s.file())
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(s.cfg.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (s *Server) arn(k *key) string { return s.prefix() + "key/" + k.ID }

func (s *Server) prefix() string {
	return "arn:aws:kms:" + s.cfg.Region + ":" + s.cfg.Account + ":"
}

// resolve finds a key by its id, its ARN, an alias or an alias's ARN.
func (s *Server) resolve(id string) (*key, error) {
	name := strings.TrimPrefix(id, s.prefix())
	if strings.HasPrefix(name, "alias/") {
		if k := s.keys.byID(s.keys.Aliases[name]); k != nil {
			return k, nil
		}
		return nil, refuse("NotFoundException", "Alias "+s.prefix()+name+" is not found.")
	}
	bare := name
	if name != id {
		bare = strings.TrimPrefix(name, "key/")
	}
	if k := s.keys.byID(bare); k != nil && (name == id || name != bare) {
		return k, nil
	}
	if strings.HasPrefix(id, "arn:") || keyID().MatchString(id) {
		return nil, refuse("NotFoundException", "Key '"+id+"' does not exist")
	}
	return nil, refuse("NotFoundException", "Invalid keyId "+id)
}

// usable says whether a key's state lets it be used.
func (s *Server) usable(k *key) error {
	switch k.State {
	case Enabled:
		return nil
	case Disabled:
		return refuse("DisabledException", s.arn(k)+" is disabled.")
	case PendingDeletion:
		return refuse("KMSInvalidStateException", s.arn(k)+" is pending deletion.")
	}
	return fmt.Errorf("the key %s has the unknown state %q", k.ID, k.State)
}
