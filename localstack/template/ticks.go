package template

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin"
	"zapas/localstack/standin/eventbridge"
)

// Rule sends the events of a bus that match a pattern to topics.
type Rule struct {
	Name, Bus string
	Pattern   jsontext.Value
	Topics    []string // ARNs
}

// Schedule is one that is there from the beginning.
type Schedule struct {
	Group, Name string
	Definition  []byte // JSON, as CreateSchedule has it
}

// Queue is a queue of SQS.
type Queue struct {
	ARN    string
	Policy jsontext.Value // nil: none
}

func (r *reader) schedule(d *Deployment, id string) error {
	var w struct {
		Name, GroupName    string
		ScheduleExpression string
		State              string         `json:",omitzero"`
		FlexibleTimeWindow jsontext.Value `json:",omitzero"`
		Target             jsontext.Value
	}
	if err := r.properties(id, &w); err != nil {
		return err
	}
	s := Schedule{Group: w.GroupName, Name: w.Name}
	if s.Name == "" || s.Group == "" {
		return fmt.Errorf("%s: the local stack knows schedules with a name in a group of the template: say both", id)
	}
	w.Name, w.GroupName = "", ""
	definition, err := json.Marshal(w, json.OmitZeroStructFields(true))
	s.Definition = definition
	d.Schedules = append(d.Schedules, s)
	return err
}

func (r *reader) queue(d *Deployment, id string) error {
	if err := r.properties(id, &struct{}{}); err != nil {
		return err
	}
	_, arn := r.names(id)
	d.Queues = append(d.Queues, Queue{ARN: arn})
	return nil
}

func (r *reader) queuePolicy(id string) error {
	var w struct {
		Queues         []string
		PolicyDocument jsontext.Value
	}
	err := r.properties(id, &w)
	for _, q := range w.Queues {
		r.queuePolicies[q] = w.PolicyDocument
	}
	return err
}

// joinQueues gives queues their policies, which name them by their addresses.
func (r *reader) joinQueues(d *Deployment) error {
	for i, q := range d.Queues {
		at := address(q.ARN)
		d.Queues[i].Policy = r.queuePolicies[at]
		delete(r.queuePolicies, at)
	}
	for at := range r.queuePolicies {
		return fmt.Errorf("there is a policy for the queue %q, and no such queue", at)
	}
	return nil
}

// address is a queue's, of its ARN.
func address(arn string) string {
	p := strings.Split(arn, ":")
	return "https://sqs." + p[3] + ".amazonaws.com/" + p[4] + "/" + p[5]
}

// named reads a resource that is no more than its name.
func (r *reader) named(id string, into *[]string) error {
	var w struct{ Name string }
	if err := r.properties(id, &w); err != nil {
		return err
	}
	name, _ := r.names(id)
	*into = append(*into, name)
	return nil
}

func (r *reader) rule(d *Deployment, id string) error {
	var w struct {
		Name, Description, EventBusName, State string
		EventPattern                           jsontext.Value
		Targets                                []struct {
			ARN string `json:"Arn"`
			ID  string `json:"Id"`
		}
	}
	if err := r.properties(id, &w); err != nil {
		return err
	}
	rule := Rule{Name: r.place.Stack + "-" + id, Bus: w.EventBusName, Pattern: w.EventPattern}
	for _, t := range w.Targets {
		if !strings.HasPrefix(t.ARN, "arn:aws:sns:") {
			return fmt.Errorf("%s: the local stack knows topics of SNS as the targets of rules, and not %q: have localstack/template play it", id, t.ARN)
		}
		rule.Topics = append(rule.Topics, t.ARN)
	}
	if w.State != "" && w.State != "ENABLED" {
		return fmt.Errorf("%s: the local stack knows rules that are ENABLED, and not %s", id, w.State)
	}
	d.Rules = append(d.Rules, rule)
	return nil
}

// createTicks makes queues, groups of schedules and schedules, buses and rules.
func (d *Deployment) createTicks(in *standin.AWS) error {
	for _, name := range d.Groups {
		if err := in.Scheduler.CreateGroup(name); err != nil {
			return err
		}
	}
	for _, q := range d.Queues {
		in.SQS.Create(q.ARN)
	}
	for _, s := range d.Schedules {
		if err := in.Scheduler.Make(s.Group, s.Name, s.Definition); err != nil {
			return err
		}
	}
	for _, name := range d.Buses {
		if err := in.EventBridge.CreateBus(name); err != nil {
			return err
		}
	}
	for _, rule := range d.Rules {
		for i, topic := range rule.Topics {
			err := in.EventBridge.PutRule(eventbridge.Rule{Name: fmt.Sprintf("%s %d", rule.Name, i), Bus: rule.Bus, Pattern: rule.Pattern,
				Deliver: in.EventBridge.Topic(topic).Deliver})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
