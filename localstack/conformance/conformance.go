// Package conformance knows how AWS answers every call that Zapas makes to DynamoDB, S3, KMS, Scheduler and EventBridge, case by case, each from
// a page of AWS's documentation, and how to ask a target whether it answers the same. It does not know what the target
// is, nor what Zapas makes the calls for.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Case is one behaviour of AWS.
type Case struct {
	Name   string
	Source string // the page of AWS's documentation that says so
	Rule   Rule   // what the target must enforce for the case to prove anything; "": nothing of the kind
	Run    func(ctx context.Context, t *Target) error
}

// Rule is something that AWS refuses, and that a target can let pass while all lawful calls work: then what rests on it
// is not proven there, however it ends.
type Rule string

// The rules.
const (
	Signatures Rule = "signatures"
	Checksums  Rule = "checksums of uploads"
	Contexts   Rule = "encryption contexts"
	Blobs      Rule = "the integrity of ciphertexts"
	Policies   Rule = "policies of buckets"
	Schedules  Rule = "limits of schedules"
)

// Verdict is how a case ended.
type Verdict string

// The verdicts.
const (
	Passed    Verdict = "passed"
	Failed    Verdict = "failed"
	NotProven Verdict = "not proven"
)

// Result is a case with its verdict and, unless it passed, why.
type Result struct {
	Case    Case
	Verdict Verdict
	Why     string
}

// Cases are all there are. Their names differ.
func Cases() []Case { return slices.Concat(dataCases(), tickCases()) }

// dataCases are those of tables, buckets and keys.
func dataCases() []Case {
	return slices.Concat(putCases(), updateCases(), transactionCases(), queryCases(), indexCases(), limitCases(), capacityCases(),
		uploadCases(), refusedUploadCases(), downloadCases(), objectCases(), listCases(), keyCases(), callerCases(), madeCases())
}

// tickCases are those of schedules and events.
func tickCases() []Case {
	return slices.Concat(scheduleCases(), eventCases(), tickCallerCases())
}

// accepted is the failure of a target that does what it must refuse.
type accepted struct{ what string }

func (a accepted) Error() string { return "it accepts " + a.what }

// Enforced is what a target was found to enforce: nil, or why not.
type Enforced map[Rule]error

// Probe asks the target what it enforces, before any case is believed.
func Probe(ctx context.Context, t *Target) Enforced {
	found := Enforced{}
	for rule, probe := range map[Rule]func(context.Context, *Target) error{
		Signatures: tamperedDownload, Checksums: wrongBody, Contexts: otherContext, Blobs: tamperedBlob, Policies: deniedByPolicy, Schedules: noExpressions,
	} {
		if rule == Schedules && t.DataOnly {
			continue
		}
		found[rule] = probe(ctx, t.apart("probe/"+string(rule)))
	}
	return found
}

// doubt is the verdict on whatever rests on a rule, and why; Passed if there is no doubt.
func (e Enforced) doubt(rule Rule) (Verdict, string) {
	err, probed := e[rule]
	switch _, lax := errors.AsType[accepted](err); {
	case !probed:
		return Failed, fmt.Sprintf("the target was not asked whether it enforces %s", rule)
	case lax:
		return NotProven, fmt.Sprintf("the target does not enforce %s: %v", rule, err)
	case err != nil:
		return Failed, fmt.Sprintf("whether the target enforces %s cannot be told: %v", rule, err)
	}
	return Passed, ""
}

// mostTime is more than a case takes on any target that answers.
const mostTime = 2 * time.Minute

// Check runs the case.
func (c Case) Check(ctx context.Context, t *Target, e Enforced) Result {
	if c.Rule != "" {
		if verdict, why := e.doubt(c.Rule); verdict != Passed {
			return Result{c, verdict, why}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	err := c.Run(ctx, t.apart(c.Name))
	if err == nil {
		return Result{c, Passed, ""}
	}
	why := strings.ReplaceAll(err.Error(), "\n", "; ") // as it is joined
	if _, lax := errors.AsType[accepted](err); lax && c.Rule != "" {
		return Result{c, NotProven, fmt.Sprintf("the target does not enforce all of %s: %s", c.Rule, why)}
	}
	return Result{c, Failed, why}
}
