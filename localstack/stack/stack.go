// Package stack knows how the stand-ins and the functions' binaries are put together into a running Zapas on this
// machine: its addresses, its people, and whose calls are whose. It does not know what the functions do,
// nor AWS's wire protocols.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/apigateway"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/lambda"
	"zapas/localstack/standin/oidc"
	"zapas/localstack/template"
)

// Config is a stack to be.
type Config struct {
	Dir      string // all that it keeps
	Programs build.Programs
	API      string           // address of the API and of sign-in, such as 127.0.0.1:7420; port 0 takes any
	AWS      string           // address of what stands in for AWS
	Log      io.Writer        // what the functions print, and what goes wrong
	Errors   io.Writer        // hears at once of what a person has to mend, such as a full disk; nil: only Log does
	Sync     bool             // what was acknowledged survives a loss of power
	Now      func() time.Time // the machine's clock
	Begins   time.Time        // what the stack's clock shows first; zero: what the machine's does
	// Around is put around what stands in for AWS: the place of what may befall a call. nil: nothing.
	Around func(http.Handler) http.Handler
	// Template is what is deployed; nil: the golden template.
	Template []byte
	// Elsewhere is where tables, buckets and keys are; nil: in the stand-ins, here. With it, AWS, Begins, Sync, Around
	// and Template are not used.
	Elsewhere *Elsewhere
}

// Stack is a running Zapas.
type Stack struct {
	URL    string // of the API: routes are below /v1, sign-in below /oidc
	AWSURL string
	Dir    string // all that it keeps
	Issuer *oidc.Issuer

	clock     *clock
	deployed  *template.Deployment
	policies  *iam.Policies
	aws       *standin.AWS
	functions *lambda.Service
	servers   []*http.Server
	ending    context.CancelFunc // of what calls functions by itself
	fires     sync.WaitGroup
	refusing  atomic.Bool // what phones upload
}

// Start brings everything up, or nothing.
func Start(cfg Config) (s *Stack, err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s = &Stack{Dir: cfg.Dir, ending: cancel, clock: newClock(cfg)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	api, err := listen(cfg.API, "API_PORT")
	if err != nil {
		return s, err
	}
	defer closeOn(&err, api)
	s.URL = "http://" + api.Addr().String()
	var aws net.Listener
	if cfg.Elsewhere == nil {
		if aws, err = listen(cfg.AWS, "AWS_PORT"); err != nil {
			return s, err
		}
		defer closeOn(&err, aws)
		s.AWSURL = "http://" + aws.Addr().String()
	}
	log := slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if cfg.Errors != nil {
		log = slog.New(&mending{Handler: log.Handler(), out: cfg.Errors, now: cfg.Now, last: &moment{}})
	}
	if cfg.Elsewhere != nil {
		err = s.elsewhere(cfg, log)
	} else {
		err = s.cloud(cfg, log)
	}
	if err != nil {
		return s, err
	}
	front, err := s.front(cfg, log)
	if err != nil {
		return s, err
	}
	s.serve(api, front)
	if cfg.Elsewhere != nil {
		return s, nil
	}
	var cloud http.Handler = s.aws
	if cfg.Around != nil {
		cloud = cfg.Around(cloud)
	}
	s.serve(aws, s.uploads(cloud))
	s.fires.Go(func() { s.aws.Scheduler.Run(ctx, s.invoke) })
	return s, nil
}

// invoke calls a function as a schedule does, and tells whether it had the event.
func (s *Stack) invoke(ctx context.Context, function string, event []byte) (ran bool, err error) {
	program, ok := s.deployed.Named(function)
	if !ok {
		return false, fmt.Errorf("a schedule's target %s is no function of the template: name one of its functions", function)
	}
	_, err = s.functions.Invoke(ctx, program, event)
	_, failed := errors.AsType[*lambda.FunctionError](err)
	return err == nil || failed, err
}

func closeOn(err *error, l net.Listener) {
	if *err != nil {
		*err = errors.Join(*err, l.Close())
	}
}

// listen takes an address on loopback.
func listen(address, setting string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("the local stack listens on loopback only, and %s is not", host)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("%s=%s is no port: it must be a number up to 65535, as in make run %s=17420", setting, port, setting)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		n, _ := strconv.Atoi(port)
		return nil, fmt.Errorf("port %s is taken by another program: stop it, or choose another port, as in make run %s=%d", port, setting, n+10)
	}
	return l, err
}

// cloud opens what stands in for AWS, creates what the template says, and puts its policies in force.
func (s *Stack) cloud(cfg Config, log *slog.Logger) (err error) {
	if s.deployed, err = deployment.Read(cfg.Template, s.URL); err != nil {
		return err
	}
	if s.policies, err = s.deployed.Policies(); err != nil {
		return err
	}
	secrets, callers := map[string]string{}, map[string]iam.Principal{}
	for _, f := range s.deployed.Functions {
		key := accessKey(f.Program)
		secrets[key], callers[key] = secretOf(f.Program), iam.Principal{ARN: f.Role, Session: f.Program}
	}
	kept := filepath.Join(cfg.Dir, "aws")
	if err := whole(kept); err != nil {
		return err
	}
	s.aws, err = standin.Open(standin.Config{Dir: kept, Account: deployment.Account, Region: deployment.Region, Sync: cfg.Sync, Now: s.Now, Signed: cfg.Now, Log: log,
		Secret: func(id string) (string, bool) { secret, ok := secrets[id]; return secret, ok },
		Caller: func(id string) iam.Principal { return callers[id] }})
	if err != nil {
		return err
	}
	if err := s.deployed.Create(s.aws); err != nil {
		return err
	}
	s.aws.IAM.Enforce(s.policies)
	vaultKey := deployment.VaultKey(s.deployed)
	if err := keep(kept, s.aws.KMS.Fingerprint(vaultKey[strings.LastIndex(vaultKey, "/")+1:])); err != nil {
		return err
	}
	s.functions, err = s.lambda(cfg, log, func(program string) credentials {
		return credentials{AccessKeyID: accessKey(program), Secret: secretOf(program)}
	}, s.AWSURL)
	return err
}

// atOnce is how many of a function run at a time on one machine. A limit that the template sets lower holds.
const atOnce = 4

// lambda makes the functions callable, with the template's environment and the address of what stands in for AWS.
func (s *Stack) lambda(cfg Config, log *slog.Logger, of func(program string) credentials, endpoint string) (*lambda.Service, error) {
	var functions []lambda.Function
	for _, f := range s.deployed.Functions {
		binary, ok := cfg.Programs.Function[f.Program]
		if !ok {
			return nil, fmt.Errorf("the template has the function %s, which is not built: name it in localstack/build", f.Program)
		}
		env, own := maps.Clone(f.Env), of(f.Program)
		if endpoint != "" {
			env["AWS_ENDPOINT_URL"] = endpoint
		}
		if ahead := s.Ahead(); ahead != 0 {
			env[clockOffset] = ahead.String()
		}
		if own.Token != "" {
			env["AWS_SESSION_TOKEN"] = own.Token
		}
		concurrency := atOnce
		if f.Reserved > 0 {
			concurrency = min(concurrency, f.Reserved)
		}
		functions = append(functions, lambda.Function{Name: f.Program, ARN: f.ARN, Binary: binary, Env: env, AccessKeyID: own.AccessKeyID,
			SecretAccessKey: own.Secret, Timeout: f.Timeout, Concurrency: concurrency, Memory: f.MemoryMB})
	}
	return lambda.Start(lambda.Config{Functions: functions, Region: s.deployed.Place.Region, Account: s.deployed.Place.Account,
		Output: cfg.Log, Log: log})
}

// Rights are those that the template grants to the functions' roles, and those of them that allowed calls have needed so
// far.
func (s *Stack) Rights() (granted, used []iam.Use) {
	if s.aws == nil { // nobody has a role
		return nil, nil
	}
	roles := map[string]bool{}
	for _, f := range s.deployed.Functions {
		roles[f.Role] = true
	}
	others := func(u iam.Use) bool { return !roles[u.Principal] }
	return slices.DeleteFunc(s.policies.Grants(), others), slices.DeleteFunc(s.aws.IAM.Used(), others)
}

// Consumed is how many units of capacity all calls of the tables have consumed so far.
func (s *Stack) Consumed() (writes, reads float64) {
	if s.aws == nil { // what is elsewhere is counted there
		return 0, 0
	}
	return s.aws.DynamoDB.Consumed()
}

// Credentials are each function's own. They open nothing but this stack, on this machine.
func accessKey(function string) string { return "AKIAZAPAS" + strings.ToUpper(function) }
func secretOf(function string) string  { return "local-secret-of-" + function }

// front is what people and phones see.
func (s *Stack) front(cfg Config, log *slog.Logger) (_ http.Handler, err error) {
	s.Issuer, err = oidc.New(oidc.Config{Issuer: deployment.Issuer(s.URL), Dir: filepath.Join(cfg.Dir, "oidc"), Users: People, Audience: deployment.Audience, Now: s.Now,
		Clients: []oidc.Client{{ID: "zapas-console", RedirectURIs: []string{s.URL + "/"}}}})
	if err != nil {
		return nil, err
	}
	var routes []apigateway.Route
	for _, r := range s.deployed.Routes {
		routes = append(routes, apigateway.Route{Method: r.Method, Path: r.Path, Function: r.Function, JWT: r.JWT, Timeout: r.Timeout})
	}
	gateway, err := apigateway.New(apigateway.Config{Routes: routes, Invoke: s.functions.Invoke, Issuer: s.deployed.Authorize.Issuer, Audience: s.deployed.Authorize.Audience,
		Keys: s.Issuer, Now: s.Now, Log: log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", gateway)
	mux.Handle("/oidc/", s.Issuer)
	return mux, nil
}

func (s *Stack) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // ends when Close closes it
}

// Kill kills the running processes of a function, as AWS may at any moment; the next call starts another.
func (s *Stack) Kill(function string) int { return s.functions.Kill(function) }

// Invoke calls a function by the name of its program, and returns its answer.
func (s *Stack) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return s.functions.Invoke(ctx, function, event)
}

// Told are the events that reached a bus, in order, in JSON; of many, the newest.
func (s *Stack) Told() ([][]byte, error) {
	if s.aws == nil {
		return nil, ErrElsewhere
	}
	return s.aws.EventBridge.Seen.Events(), nil
}

// Damage flips a bit of the one stored object whose key contains part, and answers the key.
func (s *Stack) Damage(part string) (string, error) {
	if s.aws == nil {
		return "", ErrElsewhere
	}
	var bucket string
	var found []string
	for _, b := range s.deployed.Buckets {
		keys, err := s.aws.S3.Keys(b.Name, "")
		if err != nil {
			return "", err
		}
		for _, k := range keys {
			if strings.Contains(k, part) {
				bucket, found = b.Name, append(found, k)
			}
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d objects have %q in their key: name one", len(found), part)
	}
	return found[0], s.aws.S3.Damage(bucket, found[0])
}

// Close ends what is running and keeps what is stored.
func (s *Stack) Close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, server := range s.servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, server.Close())
		}
	}
	s.ending()
	s.fires.Wait()
	if s.functions != nil {
		errs = append(errs, s.functions.Close())
	}
	if s.aws != nil {
		errs = append(errs, s.aws.Close())
	}
	return errors.Join(errs...)
}
