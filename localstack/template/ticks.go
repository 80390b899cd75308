package template

import (
	"fmt"
	"strings"

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

// createTicks makes groups of schedules, buses and rules.
func (d *Deployment) createTicks(in *standin.AWS) error {
	for _, name := range d.Groups {
		if err := in.Scheduler.CreateGroup(name); err != nil {
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
