// Package bus knows how events come onto the event bus, and which of them it has surely taken. It does not know what they
// mean, nor what is done about those that it has not.
package bus

import (
	"context"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"zapas/shared/aws"
	"zapas/shared/event"
)

// source is whose events they are, for those who listen.
const source = "zapas"

// What one call may carry (EventBridge API Reference, PutEvents; User Guide, "Calculating PutEvents event entry size").
const (
	maxEntries = 10
	maxSize    = 256 << 10
	timeSize   = 14 // of an entry's time, whatever its digits
)

// Bus is one event bus.
type Bus struct {
	Client *eventbridge.Client
	Name   string // or ARN
}

// New makes a bus with a client of its own.
func New(cfg sdk.Config, name string) Bus {
	return Bus{Client: eventbridge.NewFromConfig(cfg), Name: name}
}

// Announce hands events over, in order. left are those that the bus has not surely taken: it may have, and then has them
// twice, with the same id, once they are announced again. err says why there are some: fault.Unavailable if the same may go
// well in a moment.
func (b Bus) Announce(ctx context.Context, events ...event.Event) (left []event.Event, err error) {
	for len(events) > 0 {
		entries, err := b.call(events)
		if err != nil {
			return append(left, events...), err
		}
		refused, err := b.put(ctx, events[:len(entries)], entries)
		left, events = append(left, refused...), events[len(entries):]
		if err != nil { // what fails now would fail again
			return append(left, events...), err
		}
	}
	return left, nil
}

// call is as many entries, from the first on, as one call may carry.
func (b Bus) call(events []event.Event) (entries []types.PutEventsRequestEntry, err error) {
	size := 0
	for _, e := range events {
		detail, err := e.JSON()
		if err != nil {
			return nil, fmt.Errorf("an event of the type %s cannot be written: %w", e.Type, err)
		}
		size += timeSize + len(source) + len(e.Type) + len(detail)
		if len(entries) == maxEntries || size > maxSize && len(entries) > 0 {
			break
		}
		entries = append(entries, types.PutEventsRequestEntry{EventBusName: &b.Name, Source: new(source), DetailType: new(string(e.Type)),
			Detail: new(string(detail)), Time: &e.Time})
	}
	return entries, nil
}

// put makes one call, in which each entry can fail by itself.
func (b Bus) put(ctx context.Context, events []event.Event, entries []types.PutEventsRequestEntry) (left []event.Event, err error) {
	out, err := b.Client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return events, aws.Fault(err, "announce events")
	}
	for i, r := range out.Entries {
		if code := sdk.ToString(r.ErrorCode); code != "" && i < len(events) {
			left = append(left, events[i])
			err = refusal(code, events[i].Type)
		}
	}
	return left, err
}

// passing are the codes of entries that may be taken the next time (EventBridge API Reference, PutEventsResultEntry).
func passing() []string {
	return []string{"ThrottlingException", "InternalFailure", "InternalException"}
}

func refusal(code string, t event.Type) error {
	err := fmt.Errorf("the bus refused an event of the type %s: %s", t, code)
	if slices.Contains(passing(), code) {
		return aws.Busy(err)
	}
	return err
}
