package kms

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"zapas/localstack/standin/iam"
)

type createInput struct {
	Description string `json:"Description"`
	Policy      string `json:"Policy"`
}

type keyMetadata struct {
	Account     string `json:"AWSAccountId"`
	KeyID       string `json:"KeyId"`
	ARN         string `json:"Arn"`
	Created     int64  `json:"CreationDate"`
	Description string `json:"Description"`
	Enabled     bool   `json:"Enabled"`
	State       State  `json:"KeyState"`
}

// createKey makes a key for AES-256-GCM. It does not check that the caller could change the key's policy.
func (s *Server) createKey(ctx context.Context, in createInput) (any, error) {
	if err := s.ask(ctx, iam.Request{Action: "kms:CreateKey", Resource: "*", Keys: iam.Keys{}}); err != nil {
		return nil, err
	}
	if in.Policy != "" && s.cfg.Attach == nil {
		return nil, &failure{http.StatusNotImplemented, "UnknownOperationException", "The operation CreateKey with Policy is not implemented."}
	}
	k := &key{ID: newID()}
	if s.cfg.Attach != nil {
		policy := in.Policy
		if policy == "" { // page "Default key policy"
			policy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow",`+
				`"Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]}`, s.cfg.Account)
		}
		if err := s.cfg.Attach(s.arn(k), []byte(policy)); err != nil {
			return nil, refuse("MalformedPolicyDocumentException", err.Error())
		}
	}
	if err := s.Create(k.ID); err != nil {
		return nil, err
	}
	return map[string]keyMetadata{"KeyMetadata": {s.cfg.Account, k.ID, s.arn(k), s.cfg.Now().Unix(), in.Description, true, Enabled}}, nil
}

type stateInput struct {
	KeyID string `json:"KeyId"`
	Days  *int   `json:"PendingWindowInDays"`
}

// changeState disables or enables a key, or marks it for deletion. Nothing is ever deleted.
func (s *Server) changeState(ctx context.Context, operation string, in stateInput) (any, error) {
	if err := checkKeyID(in.KeyID); err != nil {
		return nil, err
	}
	s.mu.RLock()
	k, err := s.resolve(in.KeyID)
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, operation, k, nil); err != nil {
		return nil, err
	}
	if k.State == PendingDeletion {
		return nil, s.usable(k)
	}
	days := 30
	if in.Days != nil {
		days = *in.Days
	}
	switch {
	case operation != "ScheduleKeyDeletion":
		state := map[string]State{"DisableKey": Disabled, "EnableKey": Enabled}[operation]
		return struct{}{}, s.SetState(k.ID, state)
	case days < 7 || days > 30:
		return nil, refuse("ValidationException", "PendingWindowInDays must be between 7 and 30.")
	}
	end := s.cfg.Now().Add(time.Duration(days) * 24 * time.Hour).Unix()
	return map[string]any{"KeyId": s.arn(k), "KeyState": PendingDeletion, "PendingWindowInDays": days, "DeletionDate": end}, s.SetState(k.ID, PendingDeletion)
}
