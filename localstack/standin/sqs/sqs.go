// Package sqs knows queues in which somebody finds what could not be delivered. It does not know who sends, nor the
// protocol of Amazon SQS: other services put messages in, by the calls of a program, and people and tests read them.
// Nothing is kept on the disk.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"zapas/localstack/standin/iam"
)

// An Authorizer says whether the caller, whom the context names, may do what he asks: nil, or an *iam.Denied.
type Authorizer interface {
	Authorize(ctx context.Context, r iam.Request) error
}

// Message is one in a queue.
type Message struct {
	Body       string
	Attributes map[string]string
}

// Queues are one account's. They are safe for concurrent use.
type Queues struct {
	Authorizer Authorizer // nil: everything is allowed

	mu       sync.Mutex
	messages map[string][]Message // by ARN
}

// keeps is how many messages of a queue are remembered: the newest.
const keeps = 1000

// Create makes a queue; one that is there stays as it is.
func (q *Queues) Create(arn string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.messages == nil {
		q.messages = map[string][]Message{}
	}
	if _, there := q.messages[arn]; !there {
		q.messages[arn] = nil
	}
}

// Send puts a message into a queue, if the caller may (Amazon SQS API Reference, SendMessage).
func (q *Queues) Send(ctx context.Context, arn string, m Message) error {
	if q.Authorizer != nil {
		if err := q.Authorizer.Authorize(ctx, iam.Request{Action: "sqs:SendMessage", Resource: arn, Owner: arn}); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	all, there := q.messages[arn]
	if !there {
		return fmt.Errorf("there is no queue %s: %w", arn, errNoQueue)
	}
	q.messages[arn] = append(slices.Clone(all[max(0, len(all)+1-keeps):]), m)
	return nil
}

var errNoQueue = errors.New("AWS.SimpleQueueService.NonExistentQueue")

// Messages are those in a queue, oldest first.
func (q *Queues) Messages(arn string) []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.messages[arn])
}
