package devices

import (
	"context"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/caller"
)

// records lists what was done, by ids alone.
func (h Handlers) records(ctx context.Context, r gateway.Request) (out gateway.Answer[api.AuditList], err error) {
	q := audit.Query{Who: caller.UserID(r.Parameters["actor"]), Action: audit.Action(r.Parameters["act"]),
		Target: r.Parameters["target"], Limit: r.Limit, Cursor: r.Cursor}
	if q.From, q.To, err = audit.ParseDays(r.Parameters["day"], r.Parameters["from"], r.Parameters["to"], h.Now()); err != nil {
		return out, err
	}
	page, next, err := audit.List(ctx, h.Records, q)
	for _, one := range page {
		out.Body.Records = append(out.Body.Records, api.AuditRecord{Id: one.ID, At: one.At, Actor: string(one.Who), Device: some(string(one.Device)),
			Act: string(one.Action), Target: some(one.Target), Also: one.Also})
	}
	out.Body.Cursor = some(next)
	return out, err
}
