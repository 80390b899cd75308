package stack

import (
	"errors"
	"log/slog"

	"zapas/localstack/template"
)

// ErrElsewhere says that what is asked for can be done to the stand-ins alone.
var ErrElsewhere = errors.New("it needs what stands in here, and the data is elsewhere")

// Elsewhere are data services that are not here. They are called as one caller by all functions: whose right is whose is
// not shown there.
type Elsewhere struct {
	Endpoint                   string // of all services; "": AWS's own
	AccessKeyID, Secret, Token string
	// Make makes what a deployment asks for, whose API has the address, and says what it has made.
	Make func(api string) (*template.Deployment, error)
}

type credentials struct{ AccessKeyID, Secret, Token string }

func (s *Stack) elsewhere(cfg Config, log *slog.Logger) (err error) {
	at := cfg.Elsewhere
	if s.deployed, err = at.Make(s.URL); err != nil {
		return err
	}
	s.functions, err = s.lambda(cfg, log, func(string) credentials { return credentials{at.AccessKeyID, at.Secret, at.Token} }, at.Endpoint)
	return err
}

// Kept is the folder in which everything lies that is stored.
func (s *Stack) Kept() (string, error) {
	if s.deployed != nil && s.aws == nil {
		return "", ErrElsewhere
	}
	return s.Dir, nil
}
