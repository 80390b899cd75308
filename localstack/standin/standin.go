// Package standin knows how calls reach the services of AWS: it tells by a request which service is meant, checks the
// signature as that service does, tells who calls, and hands it on. It does not know what the services do, nor what a
// caller may do: the services ask that of iam.
package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zapas/localstack/standin/dynamodb"
	"zapas/localstack/standin/eventbridge"
	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/kms"
	"zapas/localstack/standin/s3"
	"zapas/localstack/standin/scheduler"
	"zapas/localstack/standin/sigv4"
	"zapas/localstack/standin/sqs"
)

// Config is an account in one region. All fields but Signed, Sync and Caller are required.
type Config struct {
	Dir             string // a folder of its own
	Account, Region string
	Secret          func(accessKeyID string) (secret string, ok bool) // of those who may call
	Caller          func(accessKeyID string) iam.Principal            // whose key it is; needed once policies are in force
	Now             func() time.Time
	Signed          func() time.Time // the clock by which callers sign; nil: Now
	Sync            bool             // what was acknowledged survives a loss of power
	Log             *slog.Logger
}

// AWS is the services together.
type AWS struct {
	DynamoDB    *dynamodb.Server
	S3          *s3.Server
	KMS         *kms.Server
	Scheduler   *scheduler.Server // calls nobody until it runs
	EventBridge *eventbridge.Server
	SQS         *sqs.Queues
	IAM         *iam.Guard // allows everything until policies are put in force

	verifier *sigv4.Verifier
	caller   func(accessKeyID string) iam.Principal
}

// Open opens what is kept in the folder.
func Open(cfg Config) (a *AWS, err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	if cfg.Signed == nil {
		cfg.Signed = cfg.Now
	}
	a = &AWS{IAM: &iam.Guard{Log: cfg.Log}, verifier: &sigv4.Verifier{Secret: cfg.Secret, Now: cfg.Signed, Region: cfg.Region}, caller: cfg.Caller}
	if a.caller == nil {
		a.caller = func(string) iam.Principal { return iam.Principal{} }
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
			a = nil
		}
	}()
	a.DynamoDB, err = dynamodb.Open(dynamodb.Config{Path: filepath.Join(cfg.Dir, "dynamodb.db"), Account: cfg.Account, Region: cfg.Region,
		Authorizer: a.IAM, Attach: a.IAM.Attach, Now: cfg.Now, Sync: cfg.Sync, Log: cfg.Log})
	if err != nil {
		return a, err
	}
	a.S3, err = s3.Open(s3.Config{Dir: filepath.Join(cfg.Dir, "s3"), Account: cfg.Account, Region: cfg.Region,
		Authorizer: a.IAM, Attach: a.IAM.Attach, Now: cfg.Now, Signed: cfg.Signed, Sync: cfg.Sync, Log: cfg.Log})
	if err != nil {
		return a, err
	}
	a.KMS, err = kms.Open(kms.Config{Dir: filepath.Join(cfg.Dir, "kms"), Account: cfg.Account, Region: cfg.Region,
		Authorizer: a.IAM, Attach: a.IAM.Attach, Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return a, err
	}
	a.EventBridge = eventbridge.New(eventbridge.Config{Account: cfg.Account, Region: cfg.Region, Authorizer: a.IAM, Now: cfg.Now, Log: cfg.Log})
	a.SQS = &sqs.Queues{Authorizer: a.IAM}
	a.Scheduler, err = scheduler.Open(scheduler.Config{Send: a.SQS.Send, Path: filepath.Join(cfg.Dir, "scheduler.db"), Account: cfg.Account, Region: cfg.Region,
		Authorizer: a.IAM, Now: cfg.Now, Sync: cfg.Sync, Log: cfg.Log})
	return a, err
}

// Close closes what is open.
func (a *AWS) Close() error {
	var errs []error
	if a.DynamoDB != nil {
		errs = append(errs, a.DynamoDB.Close())
	}
	if a.S3 != nil {
		errs = append(errs, a.S3.Close())
	}
	if a.KMS != nil {
		errs = append(errs, a.KMS.Close())
	}
	if a.Scheduler != nil {
		errs = append(errs, a.Scheduler.Close())
	}
	return errors.Join(errs...)
}

// The services but S3, by their names in signatures.
const (
	ofDynamoDB  = "dynamodb"
	ofKMS       = "kms"
	ofScheduler = "scheduler"
	ofEvents    = "events"
)

// service tells which service a request is for, by its name in signatures. S3 and Scheduler are both called by paths, and
// on one host: what is signed for Scheduler is meant for it.
func service(r *http.Request) string {
	prefix, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch prefix {
	case "":
		if strings.Contains(r.Header.Get("Authorization"), "/"+ofScheduler+"/aws4_request") {
			return ofScheduler
		}
		return sigv4.S3
	case "DynamoDB_20120810":
		return ofDynamoDB
	case "TrentService":
		return ofKMS
	case "AWSEvents":
		return ofEvents
	}
	return ""
}

// ServeHTTP answers one call.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := service(r)
	if to == "" {
		refuse(w, r, to, http.StatusNotImplemented, "NotImplementedException", "The operation "+r.Header.Get("X-Amz-Target")+" is not implemented.")
		return
	}
	key, err := a.verifier.Verify(r, to)
	if err != nil {
		e, ok := errors.AsType[*sigv4.Error](err)
		if !ok {
			e = &sigv4.Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
		}
		refuse(w, r, to, e.Status, e.Code, e.Message)
		return
	}
	r = r.WithContext(iam.As(r.Context(), a.caller(key)))
	switch to {
	case ofDynamoDB:
		a.DynamoDB.ServeHTTP(w, r)
	case ofKMS:
		a.KMS.ServeHTTP(w, r)
	case ofScheduler:
		a.Scheduler.ServeHTTP(w, r)
	case ofEvents:
		a.EventBridge.ServeHTTP(w, r)
	default:
		a.S3.ServeHTTP(w, r)
	}
}

// refuse answers in the form of the service.
func refuse(w http.ResponseWriter, r *http.Request, to string, status int, code, message string) {
	switch to {
	case sigv4.S3:
		s3.WriteError(w, r, status, code, message)
		return
	case ofScheduler:
		scheduler.WriteError(w, status, code, message)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message}) // a client that has gone cannot be told
}
