package remote

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"zapas/shared/api"
)

// Problem is the service's answer that it did not do what was asked, with its sentence for people.
type Problem struct {
	api.Problem
	After time.Duration // how long the service asks to wait before the same is asked again
}

func (p *Problem) Error() string {
	sentence := p.Title
	if p.Detail != nil && *p.Detail != "" {
		sentence = *p.Detail
	}
	if p.Instance != nil && p.Status >= 500 {
		sentence += " (request " + *p.Instance + ")"
	}
	return sentence
}

// Code is the stable word of the service's problem, or "" when err is none.
func Code(err error) string {
	if p := problem(err); p != nil {
		return p.Code
	}
	return ""
}

// Status is the HTTP status of the service's problem, or 0 when err is none.
func Status(err error) int {
	if p := problem(err); p != nil {
		return p.Status
	}
	return 0
}

func problem(err error) *Problem {
	p, _ := errors.AsType[*Problem](err)
	return p
}

// problemOf reads an answer that is no success. What stands between us and the service may answer in other forms.
func problemOf(resp *http.Response, answer []byte, now time.Time) error {
	p := &Problem{After: retryAfter(resp.Header.Get("Retry-After"), now)}
	if err := json.Unmarshal(answer, &p.Problem); err != nil || p.Code == "" {
		p.Problem = api.Problem{Code: "http_" + strconv.Itoa(resp.StatusCode),
			Title: fmt.Sprintf("The server answered %s to %s %s, and not in the service's form; is its address right?",
				resp.Status, resp.Request.Method, resp.Request.URL.Path)}
	}
	p.Status = resp.StatusCode
	return p
}

// retryAfter reads the header of RFC 9110, section 10.2.3; 0 when it is absent or in the past.
func retryAfter(v string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(v); err == nil {
		return max(0, time.Duration(min(n, 1<<30))*time.Second)
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// Unanswered is a request of which nobody knows whether it took effect.
type Unanswered struct {
	Where string // the host
	Err   error
}

func (u *Unanswered) Error() string {
	return fmt.Sprintf("%s cannot be reached or broke off (%v); check the connection and try again", u.Where, u.Err)
}

func (u *Unanswered) Unwrap() error { return u.Err }

// unanswered leaves out the URL: a presigned one lets whoever reads it in.
func unanswered(req *http.Request, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &Unanswered{Where: req.URL.Host, Err: err}
}

// Refused is storage's answer that it did not do what was asked.
type Refused struct {
	Status int
	Code   string // S3's word for it, such as "AccessDenied"
	After  time.Duration
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the storage answered %d %s", r.Status, r.Code)
}

// Expired reports whether the URL is too old, or what it was signed with.
func (r *Refused) Expired() bool {
	return r.Status == http.StatusForbidden || r.Code == "ExpiredToken"
}

// OfOne reports whether the refusal is a word on this object, and not on the storage as a whole (503) or on this moment.
func (r *Refused) OfOne() bool {
	passes := passingStatus(r.Status) || r.Status == http.StatusConflict || r.Code == "RequestTimeout"
	return r.Status == http.StatusInternalServerError || r.Status >= 400 && r.Status < 500 && !passes
}

func refusedBy(resp *http.Response, answer []byte, now time.Time) error {
	var e struct {
		Code string `xml:"Code"`
	}
	if xml.Unmarshal(answer, &e) != nil || e.Code == "" {
		e.Code = http.StatusText(resp.StatusCode)
	}
	return &Refused{Status: resp.StatusCode, Code: e.Code, After: retryAfter(resp.Header.Get("Retry-After"), now)}
}
