package journey_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/shared/api"
	"zapas/shared/audit"
)

// belongings are one of everything that a user can have, so that every operation can be asked for with good reason.
type belongings struct {
	journey
	subject                                     string
	handed, retired, spare                      *phone // unconfirmed; refused; not yet enrolled
	code, enrolment                             string // for the spare one
	snapshot, waiting, opened, reading, writing string // restores, and sessions on fresh and old
	proving, rebuilding                         string // sessions on old
	order                                       string
	added                                       []api.AddedChunk
}

// groups are whom the organisation's provider knows.
var groups = map[string][]string{"admin": {"admins"}, "operator": {"operators"}, "viewer": {"viewers"}, "countsViewer": {"counts"}, "auditor": {"auditors"}, "user": nil}

func (w *world) person(role string) person { return person{w, role, groups[role]} }

// give makes a user with all belongings.
func give(w *world, subject string, p *api.Profile) *belongings {
	w.t.Helper()
	b := &belongings{subject: subject, journey: journey{world: w, ada: w.person("admin"), anna: person{w, subject, nil}, keys: map[string]string{}}}
	if p == nil {
		in := profileInput("Every night")
		b.profile = good[api.Profile](w.t, b.ada.ask("createProfile", "", "", in), 201)
	} else {
		b.profile = *p
	}
	me := good[api.Me](w.t, b.anna.ask("getMe", "", "", nil), 200)
	b.old, b.fresh, b.retired = b.anna.enrol("Old"), b.anna.enrol("New"), b.anna.enrol("Retired")
	if out := b.anna.edit("retireMyDevice", b.retired.ID, b.etag("getMyDevice", b.retired.ID), nil); out.StatusCode != 204 {
		w.t.Fatalf("a device is retired with %d %s", out.StatusCode, out.Body)
	}
	b.handed = b.hand(me.Id)
	b.snapshot = b.backup("", nil, [][]byte{chunk("first of " + subject)}, 3, 0)
	consent := func() string {
		in := api.RestoreInput{Snapshot: b.snapshot, Device: &b.fresh.ID}
		return good[api.Restore](w.t, b.anna.ask("createMyRestore", "", "", in), 201).Id
	}
	b.waiting, b.opened = consent(), consent()
	b.reading = *b.fresh.begin(api.SessionInput{Kind: api.SessionInputKindRestore, Restore: &b.opened}).Session
	b.writing = *b.old.begin(api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &b.profile.Id, Base: &b.snapshot}).Session
	b.added = b.old.upload(b.writing, chunk("second of "+subject))
	b.proving = *b.old.begin(api.SessionInput{Kind: api.SessionInputKindVerify}).Session
	b.rebuilding = *b.old.begin(api.SessionInput{Kind: api.SessionInputKindRebuild}).Session
	b.order = good[api.Order](w.t, b.anna.ask("orderMyBackup", b.old.ID, "", nil), 202).Id
	made := good[api.Enrolment](w.t, b.anna.ask("createMyEnrolment", "", "", nil), 201)
	b.code, b.enrolment = made.Code, made.Id
	b.spare = &phone{world: w, Phone: *gatewaytest.NewPhone(w.t.(*testing.T), "")}
	return b
}

func profileInput(name string) api.ProfileInput {
	return api.ProfileInput{Name: name, Elements: []api.Element{"calls", "messages"}, Location: location.ID,
		Schedule: api.Schedule{Kind: api.ScheduleKindDaily, At: new("12:00"), Zone: "Europe/Warsaw"}}
}

func (b *belongings) etag(operation, id string) string {
	b.t.Helper()
	by := b.anna
	if operation == "getProfile" {
		by = b.ada
	}
	out := by.ask(operation, id, "", nil)
	if out.StatusCode != 200 { // it has been deleted meanwhile
		return `"1"`
	}
	return out.Headers["ETag"]
}

// act is one operation as who may asks for it.
type act struct {
	operation, kind string // kind tells apart several acts of one operation
	by              string // a role; owner; old, fresh, handed, spare: his phones
	id              func(b *belongings) string
	query           string
	etag            func(b *belongings) string
	body            func(b *belongings) any
	records         audit.Action
	before          bool   // it writes before it records, what has no effect by itself: a session without a key
	unrecorded      string // why it changes something and is not recorded
}

func (a act) String() string { return strings.TrimSuffix(a.operation+"/"+a.kind, "/") }

// acts are all operations there are; one that the contract gains fails TestRoles until it stands here.
func acts() []act {
	profileID := func(b *belongings) string { return b.profile.Id }
	profileTag := func(b *belongings) string { return b.etag("getProfile", b.profile.Id) }
	old := func(b *belongings) string { return b.old.ID }
	settingsTag := func(b *belongings) string { return b.ada.ask("getSettings", "", "", nil).Headers["ETag"] }
	oldTag := func(b *belongings) string { return b.etag("getMyDevice", b.old.ID) }
	handed := func(b *belongings) string { return b.handed.ID }
	order := func(b *belongings) string { return b.order }
	reading := func(b *belongings) string { return b.reading }
	writing := func(b *belongings) string { return b.writing }
	proving := func(b *belongings) string { return b.proving }
	rebuilding := func(b *belongings) string { return b.rebuilding }
	waiting := func(b *belongings) string { return b.waiting }
	always := func(v any) func(*belongings) any { return func(*belongings) any { return v } }
	session := func(change func(b *belongings, in *api.SessionInput)) func(b *belongings) any {
		return func(b *belongings) any {
			var in api.SessionInput
			change(b, &in)
			return in
		}
	}
	const telemetry, name, upload = "the device's own word on itself", "his own name, as his provider says it", "nobody's but the device's own upload or proof; the release of keys is recorded"
	return []act{
		{operation: "getHealth", by: "user"},
		{operation: "listProfiles", by: "viewer"},
		{operation: "createProfile", by: "admin", body: always(profileInput("Other")), records: audit.ProfileCreated},
		{operation: "getProfile", by: "viewer", id: profileID},
		{operation: "editProfile", by: "admin", id: profileID, etag: profileTag, body: always(profileInput("Other")), records: audit.ProfileChanged},
		{operation: "deleteProfile", by: "admin", id: profileID, etag: profileTag, records: audit.ProfileDeleted},
		{operation: "copyProfile", by: "admin", id: profileID, body: always(api.ProfileCopy{Name: "Copy"}), records: audit.ProfileCopied},
		{operation: "previewProfile", by: "admin", body: always(profileInput("Other"))},
		{operation: "previewProfile", kind: "edit", by: "admin", body: func(b *belongings) any {
			in := profileInput("Other")
			return api.ProfilePreviewInput{Id: &b.profile.Id, Name: in.Name, Elements: in.Elements, Location: in.Location, Schedule: in.Schedule}
		}},
		{operation: "listLocations", by: "viewer"},
		{operation: "listDevices", by: "viewer"},
		{operation: "getDevice", by: "viewer", id: old},
		{operation: "updateDevice", by: "admin", id: old, etag: oldTag, records: audit.DeviceChanged,
			body: func(b *belongings) any { return api.DeviceChange{Group: new("field"), Profile: &b.profile.Id} }},
		{operation: "retireDevice", by: "admin", id: old, etag: oldTag, records: audit.DeviceRetired},
		{operation: "orderBackup", by: "operator", id: func(b *belongings) string { return b.fresh.ID }, records: audit.BackupOrdered},
		{operation: "listDeviceSnapshots", by: "viewer", id: old},
		{operation: "getOrder", by: "operator", id: order},
		{operation: "createEnrolment", by: "admin", records: audit.DeviceCode,
			body: func(b *belongings) any { return api.EnrolmentInput{User: b.old.user} }},
		{operation: "getFleet", by: "viewer"},
		{operation: "orderFleetBackup", by: "operator", records: audit.BackupsOrdered,
			body: func(b *belongings) any { return api.FleetBackupInput{Profile: b.profile.Id} }},
		{operation: "groupDevices", by: "admin", records: audit.DeviceChanged,
			body: func(b *belongings) any { return api.GroupInput{Devices: []string{b.old.ID}, Group: "desk"} }},
		{operation: "listUsers", by: "viewer"},
		{operation: "listAudit", by: "auditor"},
		{operation: "getSettings", by: "admin"},
		{operation: "editSettings", by: "admin", etag: settingsTag, body: always(api.Settings{RestoreHold: 1, RestoreExpires: 2}), records: audit.SettingsChanged},
		{operation: "getMe", by: "owner", unrecorded: name},
		{operation: "listMyDevices", by: "owner"},
		{operation: "getMyDevice", by: "owner", id: old},
		{operation: "updateMyDevice", by: "owner", id: old, etag: oldTag, body: always(api.MyDeviceChange{Label: "Other"}), records: audit.DeviceChanged},
		{operation: "retireMyDevice", by: "owner", id: old, etag: oldTag, records: audit.DeviceRetired},
		{operation: "confirmMyDevice", kind: "mine", by: "owner", id: handed, body: always(api.ConfirmInput{Mine: true}), records: audit.DeviceMine},
		{operation: "confirmMyDevice", kind: "not mine", by: "owner", id: handed, body: always(api.ConfirmInput{}), records: audit.DeviceNotMine},
		{operation: "orderMyBackup", by: "owner", id: func(b *belongings) string { return b.fresh.ID }, records: audit.BackupOrdered},
		{operation: "getMyOrder", by: "owner", id: order},
		{operation: "createMyEnrolment", by: "owner", records: audit.DeviceCode},
		{operation: "listMySnapshots", by: "owner"},
		{operation: "listMyRestores", by: "owner"},
		{operation: "createMyRestore", by: "owner", records: audit.RestoreAsked,
			body: func(b *belongings) any { return api.RestoreInput{Snapshot: b.snapshot, Device: &b.fresh.ID} }},
		{operation: "createMyRestore", kind: "enrolment", by: "owner", records: audit.RestoreAsked,
			body: func(b *belongings) any { return api.RestoreInput{Snapshot: b.snapshot, Enrolment: &b.enrolment} }},
		{operation: "getMyRestore", by: "owner", id: waiting},
		{operation: "cancelMyRestore", by: "owner", id: waiting, records: audit.RestoreCancelled},
		{operation: "enrolDevice", by: "spare", records: audit.DeviceEnrolled, body: func(b *belongings) any {
			return api.EnrolInput{Code: b.code, PublicKey: b64(b.spare.PublicKey()), Platform: "ios", Model: "M", Label: "Spare", AppVersion: "1"}
		}},
		{operation: "checkIn", by: "old", body: always(api.CheckIn{AppVersion: "1"}), unrecorded: telemetry},
		{operation: "beginSession", kind: "backup", by: "old", records: audit.KeyBackup, before: true, body: session(func(b *belongings, in *api.SessionInput) {
			in.Kind, in.Counter, in.PublicKey = api.SessionInputKindBackup, new(b.old.counter+1), new(b64(b.fresh.secret.PublicKey().Bytes()))
			in.Profile, in.Base, in.Order = &b.profile.Id, &b.snapshot, &b.order
		})},
		{operation: "beginSession", kind: "unchanged", by: "old", unrecorded: telemetry, body: session(func(b *belongings, in *api.SessionInput) {
			in.Kind, in.Profile, in.Base, in.Order = api.SessionInputKindUnchanged, &b.profile.Id, &b.snapshot, &b.order
		})},
		{operation: "beginSession", kind: "restore", by: "fresh", records: audit.RestoreOpened, before: true, body: session(func(b *belongings, in *api.SessionInput) {
			in.Kind, in.Counter, in.Restore = api.SessionInputKindRestore, new(b.fresh.counter+1), &b.waiting
		})},
		{operation: "beginSession", kind: "verify", by: "old", unrecorded: upload, body: session(func(b *belongings, in *api.SessionInput) {
			in.Kind, in.Counter, in.Base = api.SessionInputKindVerify, new(b.old.counter+1), &b.snapshot
		})},
		{operation: "beginSession", kind: "rebuild", by: "old", unrecorded: upload, body: session(func(b *belongings, in *api.SessionInput) {
			in.Kind, in.Counter = api.SessionInputKindRebuild, new(b.old.counter+1)
		})},
		{operation: "endSession", by: "old", id: writing, unrecorded: upload},
		{operation: "endSession", kind: "proven", by: "old", id: proving, query: "outcome=proven", records: audit.ProofDone},
		{operation: "releaseKeys", by: "fresh", id: reading, records: audit.KeyRestore, body: func(b *belongings) any {
			return api.KeysInput{PublicKey: b64(b.fresh.secret.PublicKey().Bytes()), Sessions: []string{b.snapshot}}
		}},
		{operation: "releaseKeys", kind: "proof", by: "old", id: proving, records: audit.KeyProof, body: func(b *belongings) any {
			return api.KeysInput{PublicKey: b64(b.fresh.secret.PublicKey().Bytes()), Sessions: []string{b.snapshot}}
		}},
		{operation: "releaseKeys", kind: "rebuild", by: "old", id: rebuilding, records: audit.KeyRebuild, body: func(b *belongings) any {
			return api.KeysInput{PublicKey: b64(b.fresh.secret.PublicKey().Bytes()), Sessions: []string{b.snapshot}}
		}},
		{operation: "getBase", by: "old", id: proving},
		{operation: "getBase", kind: "rebuild", by: "old", id: rebuilding},
		{operation: "signChunks", by: "old", id: writing, unrecorded: upload, body: func(b *belongings) any {
			sum := sha256.Sum256(chunk("third"))
			return api.ChunksInput{Chunks: []api.ChunkInput{{Sha256: b64(sum[:]), Size: int64(len(chunk("third")))}}}
		}},
		{operation: "commitSession", by: "old", id: writing, unrecorded: upload, body: func(b *belongings) any { return ending(b.added, []int{}, 1, 3) }},
		{operation: "getManifest", by: "fresh", id: reading},
		{operation: "reportRestore", by: "fresh", id: func(b *belongings) string { return b.opened }, records: audit.RestoreEnded, body: func(b *belongings) any {
			return api.ResultInput{Session: b.reading, Ledger: api.RestoreLedgers{"contacts": {}, "messages": {Planned: 3, Inserted: 3}, "calls": {}}}
		}},
	}
}

// event is the act as somebody asks for it.
func (b *belongings) event(a act, by string) events.APIGatewayV2HTTPRequest {
	b.t.Helper()
	id, body := "", any(nil)
	if a.id != nil {
		id = a.id(b)
	}
	if a.body != nil {
		body = a.body(b)
	}
	e := gatewaytest.Event(a.operation, id, a.query, body)
	if a.etag != nil {
		e.Headers["if-match"] = a.etag(b)
	}
	b.sign(&e, by)
	return e
}

// sign has somebody ask.
func (b *belongings) sign(e *events.APIGatewayV2HTTPRequest, by string) {
	now := b.stack.Clock.Now()
	phones := map[string]*phone{"old": b.old, "fresh": b.fresh, "handed": b.handed, "retired": b.retired, "spare": b.spare}
	switch f := phones[by]; {
	case f != nil:
		f.Authorize(now, e)
	case by == "owner":
		e.Headers["authorization"] = b.issuer.Bearer(now, b.subject)
	case by != "anonymous":
		e.Headers["authorization"] = b.issuer.Bearer(now, by, groups[by]...)
	}
}

// written are the calls that change something, as they are made.
type written struct {
	before, after int // of a record
	records       int
}

// watch counts the calls from now on, and asks of each what befalls it. That a token is used up changes nothing else.
func (w *world) watch(befalls func(so written, record bool) standin.Fault) *written {
	so := &written{}
	w.stack.Strike(func(c standin.Call) standin.Fault {
		record := false
		if c.Operation == "PutItem" {
			body, err := io.ReadAll(c.Request.Body)
			w.must(err)
			c.Request.Body = io.NopCloser(bytes.NewReader(body))
			record = bytes.Contains(body, []byte(`"TableName":"`+deployment.Audit+`"`))
			if bytes.Contains(body, []byte(`"PK":{"S":"J#`)) {
				return standin.None
			}
		}
		if befalls != nil {
			if f := befalls(*so, record); f != standin.None {
				return f
			}
		}
		writes := slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "PutObject", "DeleteObject", "DeleteObjects"}, c.Operation)
		switch {
		case record:
			so.records++
		case writes && so.records == 0:
			so.before++
		case writes:
			so.after++
		}
		return standin.None
	})
	return so
}
