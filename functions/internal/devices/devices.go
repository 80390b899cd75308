// Package devices knows how devices, their enrolment and their people are asked for over HTTP. It does not know what a
// device should do, who owns it, nor where any of that is kept.
package devices

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"zapas/functions/internal/gateway"
	"zapas/shared/api"
	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
	"zapas/shared/restore"
	"zapas/shared/vault"
)

// Columns of the lists as CSV.
var (
	deviceColumns = []string{"id", "user", "label", "platform", "model", "trust", "state", "group", "explicitProfile", "profile", "profileWhy", "order", "appVersion", "enrolledAt",
		"seenAt", "backupAt", "unchangedAt", "nextSlot", "deadline", "overdueSince", "waiting", "failedAt", "counts.contacts", "counts.sms", "counts.mms", "counts.calls", "failed"}
	fleetColumns    = []string{"id", "name", "devices", "states.ok", "states.running", "states.unseen", "states.no_backup", "states.overdue", "states.failed", "states.disabled"}
	snapshotColumns = []string{"id", "device", "at", "state", "location", "hold", "counts.contacts", "counts.sms", "counts.mms", "counts.calls"}
	recordColumns   = []string{"at", "id", "actor", "device", "act", "target", "also"}
)

// Handlers answer the operations of the function devices.
type Handlers struct {
	Fleet    *fleet.Fleet
	Restores *restore.Service
	Settings restore.Organisation
	Vaults   vault.Table
	Records  audit.Book
	// Introduce adds a person's name and e-mail address, if his token does not say them.
	Introduce func(ctx context.Context, r gateway.Request, who caller.Caller) (caller.Caller, error)
	// Proof proves that who sends a request has the private key to this public key.
	Proof func(r gateway.Request, key *ecdsa.PublicKey) error
	API   string // the address that phones are told
	Now   func() time.Time
}

// Operations are all of them.
func (h Handlers) Operations() map[string]gateway.Operation {
	return map[string]gateway.Operation{
		"getHealth":           gateway.Plain(h.health),
		"getMe":               gateway.Plain(h.me),
		"listMyDevices":       gateway.Plain(h.mine),
		"getMyDevice":         gateway.Plain(h.myDevice),
		"updateMyDevice":      gateway.JSON(h.rename),
		"retireMyDevice":      gateway.Plain(h.retireMine),
		"confirmMyDevice":     gateway.JSON(h.confirm),
		"orderMyBackup":       gateway.Once(gateway.Plain(h.orderMine)),
		"getMyOrder":          gateway.Plain(h.myOrder),
		"createMyEnrolment":   gateway.Secret(gateway.Plain(h.myCode)),
		"enrolDevice":         gateway.JSON(h.enrol),
		"checkIn":             gateway.JSON(h.checkIn),
		"listDevices":         gateway.List(gateway.Plain(h.list, "state", "profile", "group", "label", "user", "limit", "cursor"), deviceColumns...),
		"getDevice":           gateway.Plain(h.device),
		"updateDevice":        gateway.JSON(h.govern),
		"retireDevice":        gateway.Plain(h.retire),
		"orderBackup":         gateway.Once(gateway.Plain(h.order)),
		"getOrder":            gateway.Plain(h.anyOrder),
		"listDeviceSnapshots": gateway.List(gateway.Plain(h.snapshots), snapshotColumns...),
		"createEnrolment":     gateway.Secret(gateway.JSON(h.code)),
		"getSettings":         gateway.Plain(h.settings),
		"editSettings":        gateway.JSON(h.set),
		"orderFleetBackup":    gateway.Once(gateway.JSON(h.orderAll)),
		"groupDevices":        gateway.Once(gateway.JSON(h.regroup)),
		"getFleet":            gateway.List(gateway.Plain(h.fleet), fleetColumns...),
		"listUsers":           gateway.List(gateway.Plain(h.users, "limit", "cursor"), "id", "name", "email"),
		"listAudit":           gateway.List(gateway.Plain(h.records, "day", "from", "to", "actor", "target", "act", "limit", "cursor"), recordColumns...),
	}
}

func (h Handlers) health(context.Context, gateway.Request) (gateway.Answer[api.Health], error) {
	return gateway.Answer[api.Health]{Body: api.Health{Status: "ok", Time: h.Now().UTC()}}, nil
}

func (h Handlers) me(ctx context.Context, r gateway.Request) (gateway.Answer[api.Me], error) {
	who, err := h.Introduce(ctx, r, r.Who)
	if err != nil {
		return gateway.Answer[api.Me]{}, err
	}
	return gateway.Answer[api.Me]{Body: me(who)}, h.Fleet.Met(ctx, who)
}

func (h Handlers) mine(ctx context.Context, r gateway.Request) (out gateway.Answer[api.DeviceList], err error) {
	all, err := h.Fleet.Mine(ctx, r.Who.User)
	for _, s := range all {
		out.Body.Devices = append(out.Body.Devices, device(s, true))
	}
	return out, err
}

func (h Handlers) myDevice(ctx context.Context, r gateway.Request) (gateway.Answer[api.Device], error) {
	d, err := h.own(ctx, r)
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	c, err := h.Fleet.Card(ctx, d)
	return answerCard(c, true), err
}

func (h Handlers) myCode(ctx context.Context, r gateway.Request) (gateway.Answer[api.Enrolment], error) {
	code, c, err := h.Fleet.NewCode(ctx, r.Who)
	return h.enrolment(code, c), err
}

func (h Handlers) code(ctx context.Context, r gateway.Request, in api.EnrolmentInput) (gateway.Answer[api.Enrolment], error) {
	code, c, err := h.Fleet.NewCodeFor(ctx, r.Who, caller.UserID(in.User))
	return h.enrolment(code, c), err
}

func (h Handlers) enrolment(code string, c fleet.Code) gateway.Answer[api.Enrolment] {
	link := "zapas://enrol?code=" + url.QueryEscape(code) + "&api=" + url.QueryEscape(h.API)
	return gateway.Answer[api.Enrolment]{Status: http.StatusCreated,
		Body: api.Enrolment{Id: c.ID, Code: code, Link: link, ExpiresAt: c.ExpiresAt}}
}

func (h Handlers) enrol(ctx context.Context, r gateway.Request, in api.EnrolInput) (gateway.Answer[api.Enrolled], error) {
	none := gateway.Answer[api.Enrolled]{}
	der, err := base64.RawURLEncoding.Strict().DecodeString(in.PublicKey)
	if err != nil {
		return none, fault.Fields([]fault.Field{{Pointer: "/publicKey", Code: "invalid", Detail: "it is no base64url without padding"}})
	}
	key, err := fleet.ParseKey(der)
	if err != nil {
		return none, err
	}
	if err := h.Proof(r, key); err != nil {
		return none, err
	}
	d, err := h.Fleet.Enrol(ctx, in.Code, fleet.Phone{PublicKey: der, Platform: string(in.Platform), Model: in.Model, Label: in.Label, AppVersion: in.AppVersion})
	return gateway.Answer[api.Enrolled]{Body: api.Enrolled{Device: string(d.ID), User: string(d.Owner), Tenant: h.Fleet.Tenant,
		State: api.EnrolledState(d.State)}}, err
}

func (h Handlers) checkIn(ctx context.Context, r gateway.Request, in api.CheckIn) (gateway.Answer[api.CheckInAnswer], error) {
	a, err := h.Fleet.CheckIn(ctx, r.Who, report(in))
	if err != nil {
		return gateway.Answer[api.CheckInAnswer]{}, err
	}
	restores, err := h.Restores.ForDevice(ctx, r.Who)
	return gateway.Answer[api.CheckInAnswer]{Body: answer(a, restores)}, err
}

func (h Handlers) list(ctx context.Context, r gateway.Request) (out gateway.Answer[api.DeviceList], err error) {
	find := fleet.Find{State: fleet.State(r.Parameters["state"]), Profile: profile.ID(r.Parameters["profile"]), Group: r.Parameters["group"],
		Label: r.Parameters["label"], User: r.Parameters["user"]}
	page, next, err := h.Fleet.List(ctx, find, r.Cursor, r.Limit)
	for _, s := range page {
		out.Body.Devices = append(out.Body.Devices, device(s, r.Who.May(caller.CountsRead)))
	}
	out.Body.Cursor = some(next)
	return out, err
}

func (h Handlers) device(ctx context.Context, r gateway.Request) (gateway.Answer[api.Device], error) {
	d, err := h.any(ctx, r)
	if err != nil {
		return gateway.Answer[api.Device]{}, err
	}
	c, err := h.Fleet.Card(ctx, d)
	return answerCard(c, r.Who.May(caller.CountsRead)), err
}

func (h Handlers) snapshots(ctx context.Context, r gateway.Request) (out gateway.Answer[api.SnapshotList], err error) {
	d, err := h.any(ctx, r)
	if err != nil {
		return out, err
	}
	all, err := vault.Snapshots(ctx, h.Vaults, d.Owner)
	for _, n := range all {
		if n.Device == d.ID {
			out.Body.Snapshots = append(out.Body.Snapshots, snapshot(n, r.Who.May(caller.CountsRead)))
		}
	}
	return out, err
}
