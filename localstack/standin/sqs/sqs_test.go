package sqs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/sqs"
)

type asked struct {
	all  []iam.Request
	deny bool
}

func (a *asked) Authorize(_ context.Context, r iam.Request) error {
	a.all = append(a.all, r)
	if a.deny {
		return &iam.Denied{Request: r}
	}
	return nil
}

const queue = "arn:aws:sqs:eu-central-1:000000000000:dead"

// TestSend: what is sent is there, if there is such a queue and the sender may; of very many the newest are.
func TestSend(t *testing.T) {
	t.Parallel()
	rights := &asked{}
	q := &sqs.Queues{Authorizer: rights}
	m := sqs.Message{Body: "{}", Attributes: map[string]string{"ERROR_CODE": "X"}}
	if err := q.Send(t.Context(), queue, m); err == nil {
		t.Error("there is no queue, and it is sent")
	}
	q.Create(queue)
	if err := q.Send(t.Context(), queue, m); err != nil {
		t.Fatal(err)
	}
	q.Create(queue)
	if d := cmp.Diff([]sqs.Message{m}, q.Messages(queue)); d != "" {
		t.Error(d)
	}
	if want := (iam.Request{Action: "sqs:SendMessage", Resource: queue, Owner: queue}); !cmp.Equal(rights.all[1], want) {
		t.Errorf("asked was %+v", rights.all[1])
	}
	rights.deny = true
	if err := q.Send(t.Context(), queue, m); err == nil || len(q.Messages(queue)) != 1 {
		t.Errorf("denied, and sent: %v", err)
	}
	rights.deny = false
	for n := range 1000 {
		if err := q.Send(t.Context(), queue, sqs.Message{Body: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := q.Messages(queue); len(got) != 1000 || got[0].Body != "0" {
		t.Errorf("%d messages, the first %+v", len(got), got[0])
	}
}
