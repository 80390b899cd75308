package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	pagePutEvents   = "Amazon EventBridge API Reference, PutEvents"
	pageEventResult = "Amazon EventBridge API Reference, PutEventsResultEntry"
	pageEventSize   = "Amazon EventBridge User Guide, Calculating PutEvents event entry size"
)

func eventCases() []Case {
	return []Case{
		{"Event/EachHasAnID", pagePutEvents, "", eventIDs},
		{"Event/FailsInItsPlace", pageEventResult, "", eventFails},
		{"Event/TenAtMost", pagePutEvents, "", eventsTen},
		{"Event/TooLarge", pageEventSize, "", eventTooLarge},
	}
}

// event is one for the default bus, which nobody waits for.
func event(detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: aws.String("zapas.conformance"), DetailType: aws.String("none"), Detail: &detail}
}

func (t *Target) putEvents(ctx context.Context, entries ...types.PutEventsRequestEntry) (*eventbridge.PutEventsOutput, error) {
	return t.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
}

func eventIDs(ctx context.Context, t *Target) error {
	out, err := t.putEvents(ctx, slices.Repeat([]types.PutEventsRequestEntry{event(`{"a":1}`)}, 10)...)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, e := range out.Entries {
		ids[aws.ToString(e.EventId)] = true
	}
	if len(ids) != 10 || ids[""] || out.FailedEntryCount != 0 {
		return differs("ids of ten equal events, and failures", []int{len(ids), int(out.FailedEntryCount)}, []int{10, 0})
	}
	return nil
}

func eventFails(ctx context.Context, t *Target) error {
	sourceless := event(`{}`)
	sourceless.Source = nil
	out, err := t.putEvents(ctx, event(`{}`), event(`{"a":`), sourceless, event(`{}`))
	if err != nil {
		return err
	}
	var shown []string
	for _, e := range out.Entries {
		shown = append(shown, fmt.Sprint(aws.ToString(e.ErrorCode), e.EventId != nil))
	}
	if want := []string{"true", "MalformedDetailfalse", "InvalidArgumentfalse", "true"}; !slices.Equal(shown, want) || out.FailedEntryCount != 2 {
		return differs("codes and ids, and failures", []any{shown, out.FailedEntryCount}, []any{want, 2})
	}
	return nil
}

func eventsTen(ctx context.Context, t *Target) error {
	_, err := t.putEvents(ctx, slices.Repeat([]types.PutEventsRequestEntry{event(`{}`)}, 11)...)
	return refused(err, "eleven events", notValidated)
}

// eventTooLarge is over a megabyte: the page has said 256 KB, and says 1 MB.
func eventTooLarge(ctx context.Context, t *Target) error {
	out, err := t.putEvents(ctx, event(`{"a":"`+strings.Repeat("x", 255<<10)+`"}`))
	if err != nil {
		return at("an event of 255 KB", err)
	}
	if out.FailedEntryCount != 0 {
		return differs("failures of an event of 255 KB", out.FailedEntryCount, 0)
	}
	_, err = t.putEvents(ctx, event(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`))
	return refused(err, "an event of more than 1 MB", notValidated, "RequestEntityTooLargeException")
}
