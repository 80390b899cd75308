package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zapas/localstack/standin/iam"
	"zapas/localstack/standin/sqs"
)

// Invoke calls a function with an event, whose answer nobody waits for. ran: the function had the event, whatever it made
// of it.
type Invoke func(ctx context.Context, function string, event []byte) (ran bool, err error)

// delivery is an invocation that was begun and has not ended.
type delivery struct {
	Scheduled time.Time // the time for which it is
	First     time.Time // when it was first due: later than Scheduled within a flexible window
	At        time.Time // when the next attempt is due
	Attempt   int       // from 1 on
	Execution string    // id of the attempt
	Runs      int       `json:",omitzero"` // how often the function failed at this attempt's event
}

// pulse is how often Run looks for what is due.
const pulse = time.Second

// Run calls targets when they are due, until ctx ends and all its calls have returned.
func (s *Server) Run(ctx context.Context, invoke Invoke) {
	defer s.await()
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	for {
		s.ticking.Lock()
		err := s.tick(ctx, invoke)
		s.ticking.Unlock()
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "schedules that are due cannot be begun", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) await() {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	s.calls.Wait()
}

// Tick calls the targets that are due now, each once, and returns when all calls have returned.
func (s *Server) Tick(ctx context.Context, invoke Invoke) error {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	defer s.calls.Wait()
	return s.tick(ctx, invoke)
}

// Advance is for a clock that is set forward: it has set show each moment at which something is due, one after the other,
// and to at last, and calls the targets of each before it goes on. So nothing is missed on the way, nor called at another
// time than its own, but for rates of minutes: of their times between which nothing else is due only the last is, as if
// the machine had slept. Run calls nobody meanwhile. Beyond so many moments it is an error, and the clock stays where it is.
func (s *Server) Advance(ctx context.Context, to time.Time, moments int, set func(time.Time) error, invoke Invoke) error {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	s.calls.Wait()
	for ; ctx.Err() == nil; moments-- {
		at, any := s.next(to)
		if !any {
			return set(to)
		}
		if moments == 0 {
			return fmt.Errorf("the clock stands at %s, and schedules are due at too many moments before %s: set it forward in smaller steps",
				s.cfg.Now().UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
		}
		if at.After(s.cfg.Now()) {
			if err := set(at); err != nil {
				return err
			}
		}
		err := s.tick(ctx, invoke)
		s.calls.Wait()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// next is the next moment, until to, that Advance stops at.
func (s *Server) next(to time.Time) (at time.Time, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = to
	stop := func(t time.Time) {
		if !t.IsZero() && !t.After(at) {
			at, any = t, true
		}
	}
	for _, one := range s.schedules {
		if one.State == enabled && !one.ofMinutes() {
			stop(one.Next)
		}
		for _, d := range one.Pending {
			stop(d.At)
		}
	}
	last := time.Time{}
	for _, one := range s.schedules {
		if one.State != enabled || !one.ofMinutes() {
			continue
		}
		for t := one.Next; !t.IsZero() && !t.After(at); t = one.after(t) {
			if t.After(last) {
				last = t
			}
		}
	}
	if !last.IsZero() {
		return last, true
	}
	return at, any
}

// Due is when Tick next has something to do.
func (s *Server) Due() (at time.Time, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	soonest := func(t time.Time) {
		if !t.IsZero() && (!any || t.Before(at)) {
			at, any = t, true
		}
	}
	for _, one := range s.schedules {
		if one.State == enabled {
			soonest(one.Next)
		}
		for _, d := range one.Pending {
			soonest(d.At)
		}
	}
	return at, any
}

// key tells deliveries apart.
type key struct {
	id
	scheduled time.Time
}

// underway are the deliveries that are being tried.
type underway struct {
	mu   sync.Mutex
	keys map[key]bool
}

func (u *underway) begin(k key) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys[k] {
		return false
	}
	u.keys[k] = true
	return true
}

func (u *underway) end(k key) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.keys, k)
}

// tick begins the calls that are due. Its caller holds ticking.
func (s *Server) tick(ctx context.Context, invoke Invoke) error {
	now := s.cfg.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.forgotten) > time.Hour {
		if err := s.forget(now); err != nil {
			return err
		}
		s.forgotten = now
	}
	for i, one := range s.schedules {
		if one.State == enabled && !one.Next.IsZero() && !one.Next.After(now) {
			c := one.clone()
			s.beginDue(c, now)
			if err := s.settle(c); err != nil {
				return err
			}
			one = c
		}
		for _, d := range one.Pending {
			k := key{i, d.Scheduled}
			if d.At.After(now) || !s.under.begin(k) {
				continue
			}
			s.calls.Go(func() {
				defer s.under.end(k)
				s.attempt(ctx, invoke, one, d)
			})
		}
	}
	return nil
}

// beginDue begins the last of the times that have passed, unless it is too old.
func (s *Server) beginDue(one *schedule, now time.Time) {
	due := one.Next
	if oldest := now.Add(-one.age()); due.Before(oldest) {
		s.drop(one, "it was missed", due)
		due = one.after(oldest.Add(-1))
	}
	one.Next = due
	for !one.Next.IsZero() && !one.Next.After(now) {
		due = one.Next
		one.Next = one.after(due)
	}
	if due.IsZero() || due.After(now) {
		return
	}
	begins := due.Add(s.spread(one, due))
	one.Pending = append(one.Pending, delivery{Scheduled: due, First: begins, At: begins, Attempt: 1, Execution: executionID()})
}

// spread is where in a flexible window a time is: always the same.
func (s *Server) spread(one *schedule, due time.Time) time.Duration {
	if one.Window.Mode != flexible {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.arn(one.id()) + " " + due.Format(time.RFC3339))) // never fails
	return time.Duration(h.Sum64()%uint64(*one.Window.Minutes*60)) * time.Second
}

func executionID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (s *schedule) age() time.Duration { return time.Duration(*s.Target.Retry.Age) * time.Second }

// attempt calls the target once and keeps what came of it. If we die on any line, the delivery is still pending.
func (s *Server) attempt(ctx context.Context, invoke Invoke, one *schedule, d delivery) {
	ran := false
	err := s.mayInvoke(ctx, one.Target)
	if err == nil {
		ran, err = invoke(ctx, one.Target.function(s.cfg), s.event(one, d))
	}
	if err != nil && ctx.Err() != nil {
		return // nobody refused: the server ends, and the next one tries again
	}
	if err := s.conclude(one.id(), d, ran, err); err != nil {
		s.cfg.Log.ErrorContext(ctx, "what came of an invocation cannot be kept: it will be repeated", slog.Any("error", err))
	}
}

// event is the input with the keywords of the page "Adding context attributes in EventBridge Scheduler" filled in.
func (s *Server) event(one *schedule, d delivery) []byte {
	return []byte(strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", s.arn(one.id()),
		"<aws.scheduler.scheduled-time>", d.Scheduled.UTC().Format("2006-01-02T15:04:05Z"),
		"<aws.scheduler.execution-id>", d.Execution,
		"<aws.scheduler.attempt-number>", strconv.Itoa(d.Attempt),
	).Replace(one.Target.Input))
}

func (s *Server) conclude(i id, d delivery, ran bool, failed error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, ok := s.schedules[i]
	if !ok {
		return nil // deleted in the meantime
	}
	one := there.clone()
	at := slices.IndexFunc(one.Pending, func(p delivery) bool { return p.Scheduled.Equal(d.Scheduled) })
	if at < 0 {
		return nil
	}
	if failed != nil && s.again(one, &d, ran, failed) {
		one.Pending[at] = d
	} else {
		one.Pending = slices.Delete(one.Pending, at, at+1)
	}
	return s.settle(one)
}

// Lambda runs an event that it took up to three times (page "How Lambda handles errors and retries with asynchronous
// invocation"): it waits a minute, then two.
const lambdaRuns = 3

// longestWait is between two attempts; the waits double from a second on. AWS says that they grow exponentially, and not
// how.
const longestWait = 10 * time.Minute

// again says whether and when there is another attempt. What a function failed at is Lambda's to repeat, and the same
// event; what never reached it is repeated by the schedule's retry policy, as a new attempt.
func (s *Server) again(one *schedule, d *delivery, ran bool, failed error) bool {
	now := s.cfg.Now().UTC()
	if ran {
		d.Runs++
		d.At = now.Add(time.Duration(d.Runs) * time.Minute)
		if d.Runs >= lambdaRuns {
			s.drop(one, "the function failed each time", d.Scheduled, slog.Any("error", failed))
			return false
		}
		return true
	}
	wait := min(time.Second<<min(d.Attempt-1, 20), longestWait)
	d.At = now.Add(wait)
	switch {
	case d.Attempt > *one.Target.Retry.Attempts:
		s.drop(one, "its attempts are exhausted", d.Scheduled, slog.Any("error", failed))
		s.bury(one, *d, "MaximumRetryAttempts", failed)
		return false
	case d.At.After(d.First.Add(one.age())):
		s.drop(one, "it reached its maximum event age", d.Scheduled, slog.Any("error", failed))
		s.bury(one, *d, "MaximumEventAgeInSeconds", failed)
		return false
	}
	d.Attempt, d.Execution, d.Runs = d.Attempt+1, executionID(), 0
	return true
}

// drop says what was given up.
func (s *Server) drop(one *schedule, why string, scheduled time.Time, more ...slog.Attr) {
	attrs := []slog.Attr{slog.String("schedule", s.arn(one.id())), slog.Time("scheduled", scheduled), slog.String("why", why)}
	if one.Target.DeadLetter != nil {
		attrs = append(attrs, slog.String("queue", one.Target.DeadLetter.ARN))
	}
	s.cfg.Log.LogAttrs(context.Background(), slog.LevelWarn, "an invocation was dropped", append(attrs, more...)...)
}

// bury puts what could not be delivered into the schedule's dead-letter queue, in the name of its role (User Guide,
// "Configuring a dead-letter queue for EventBridge Scheduler", with the attributes of the example there).
func (s *Server) bury(one *schedule, d delivery, exhausted string, failed error) {
	if s.cfg.Send == nil || one.Target.DeadLetter == nil || one.Target.DeadLetter.ARN == "" {
		return
	}
	as := iam.As(context.Background(), iam.Principal{ARN: one.Target.RoleARN, Session: "scheduler"})
	err := s.cfg.Send(as, one.Target.DeadLetter.ARN, sqs.Message{Body: string(s.event(one, d)), Attributes: map[string]string{
		"SCHEDULE_ARN": s.arn(one.id()), "TARGET_ARN": one.Target.ARN, "EXECUTION_ID": d.Execution, "RETRY_ATTEMPTS": strconv.Itoa(d.Attempt - 1),
		"SCHEDULED_TIME": d.Scheduled.UTC().Format("2006-01-02T15:04:05Z"), "EXHAUSTED_RETRY_CONDITION": exhausted, "ERROR_MESSAGE": failed.Error()}})
	if err != nil {
		s.cfg.Log.Error("an invocation that was dropped did not reach the dead-letter queue", slog.String("schedule", s.arn(one.id())), slog.Any("error", err))
	}
}

// settle saves a schedule after an invocation; one that is complete and is to be deleted then is.
func (s *Server) settle(one *schedule) error {
	if one.Next.IsZero() && len(one.Pending) == 0 && one.Completion == remove {
		return s.save(one.id(), nil, nil)
	}
	return s.save(one.id(), one, nil)
}
