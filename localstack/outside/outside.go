// Package outside knows how Zapas runs on data services that are elsewhere: in LocalStack, in an account of AWS, or in
// whatever else AWS_ENDPOINT_URL names. It makes there what the golden template asks for, by AWS's own calls, plays stories
// on it with the real functions, and removes it. Functions, HTTP front and issuer are this machine's.
//
// All functions call as one caller, who stands in the policies for every role: whose right is whose is shown on the
// stand-ins alone. What the target does not enforce is said, and taken for no proof. It does not know what the stories
// say.
package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"zapas/localstack/build"
	"zapas/localstack/conformance"
	"zapas/localstack/stack"
	"zapas/localstack/story"
	"zapas/localstack/template"
)

// Target is where the data services are, and as whom they are called.
type Target struct {
	Config sdk.Config    // without a BaseEndpoint it is AWS itself
	Caller string        // ARN of the role, the user or the root user to whom the credentials belong
	Settle time.Duration // how long an index, a policy or a key's state may take to show a change; 0: none
}

// Root is the caller of an emulator: it knows one account, and whoever calls is its root user.
const Root = "arn:aws:iam::000000000000:root"

func (t Target) account() string {
	part := strings.Split(t.Caller, ":")
	if len(part) < 5 {
		return ""
	}
	return part[4]
}

// Run is what is played on a target.
type Run struct {
	Target
	Prefix   string // with which all names begin; nobody has used it
	Programs build.Programs
	Stories  []string // files
	Dir      string   // a folder of its own, for phones and logs
	Out      io.Writer
	Now      func() time.Time
}

// Play asks the target all cases of conformance and plays the stories. It is an error if a case fails, a story does not go
// as it says, or something could not be removed; what is not proven and what cannot be played there is none.
func (r Run) Play(ctx context.Context) error {
	if r.account() == "" {
		return fmt.Errorf("the caller %q is no ARN: it must be as %s", r.Caller, Root)
	}
	err := conformance.Play(ctx, conformance.Settings{Config: r.Config, Now: r.Now, Settle: r.Settle, DataOnly: true}, r.Prefix, r.Out)
	if err != nil {
		err = fmt.Errorf("conformance: %w", err)
	}
	return errors.Join(err, r.play(ctx))
}

// play plays the stories.
func (r Run) play(ctx context.Context) (err error) {
	var played, stopped int
	untaken := map[string]bool{}
	for n, file := range r.Stories {
		if ctx.Err() != nil {
			return errors.Join(err, fmt.Errorf("the stories were stopped before %s: %w", filepath.Base(file), ctx.Err()))
		}
		whose, failed := r.story(ctx, file, fmt.Sprintf("%s-%d", r.Prefix, n+1))
		for _, name := range whose {
			untaken[name] = true
		}
		name := filepath.Base(file)
		switch {
		case errors.Is(failed, stack.ErrElsewhere):
			stopped++
			fmt.Fprintf(r.Out, "not played  %s to its end: %v\n", name, failed)
		case failed != nil:
			fmt.Fprintf(r.Out, "failed      %s: %v\n", name, failed)
			err = errors.Join(err, failed)
		default:
			played++
			fmt.Fprintf(r.Out, "played      %s\n", name)
		}
	}
	for _, whose := range slices.Sorted(maps.Keys(untaken)) {
		fmt.Fprintf(r.Out, "not proven  policies: the target knows none, as for %s\n", whose)
	}
	fmt.Fprintf(r.Out, "%d stories: %d played, %d failed, %d not played to their end\n", len(r.Stories), played, len(r.Stories)-played-stopped, stopped)
	fmt.Fprintf(r.Out, "Whose right is whose is not shown here: all functions call as %s\n", r.Caller)
	return err
}

// story plays one on tables, buckets and keys of its own;
// untaken is whose policies the target did not take.
func (r Run) story(ctx context.Context, file, prefix string) (untaken []string, err error) {
	dir := filepath.Join(r.Dir, filepath.Base(file))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("no folder can be made for a story: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "functions.log"))
	if err != nil {
		return nil, fmt.Errorf("the functions' log cannot be written: %w", err)
	}
	as, err := r.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the credentials cannot be read: %w", err), log.Close())
	}
	m := r.clients()
	cfg := stack.Config{Dir: filepath.Join(dir, "stack"), Programs: r.Programs, API: "127.0.0.1:0", Log: log, Now: r.Now,
		Elsewhere: &stack.Elsewhere{Endpoint: sdk.ToString(r.Config.BaseEndpoint), AccessKeyID: as.AccessKeyID, Secret: as.SecretAccessKey, Token: as.SessionToken,
			Make: func(api string) (*template.Deployment, error) { return m.make(ctx, prefix, api) }}}
	s, err := stack.Start(cfg)
	if err == nil {
		err = story.Teller{Stack: s, Phone: r.Programs.Phone, Out: io.Discard}.Play(file, filepath.Join(dir, "work"))
		err = second(err, s.Close())
	}
	return m.untaken, second(err, errors.Join(m.remove(context.WithoutCancel(ctx)), log.Close()))
}

// second adds what went wrong afterwards. That goes before a story that merely could not be played.
func second(err, after error) error {
	if after != nil && errors.Is(err, stack.ErrElsewhere) {
		return after
	}
	return errors.Join(err, after)
}
