package restores

import (
	"zapas/shared/api"
	"zapas/shared/vault"
)

// snapshot is a backup as its own user sees it.
func snapshot(n vault.Snapshot) api.Snapshot {
	out := api.Snapshot{Id: string(n.ID), Device: string(n.Device), At: n.At, State: api.SnapshotStateCommitted, Location: n.Location, Hold: n.Hold,
		Counts: new(api.Counts(n.Counts)), Ledger: new(api.BackupLedgers{})}
	if n.State == vault.Expired {
		out.State = api.SnapshotStateExpired
	}
	for element, l := range n.Ledger {
		(*out.Ledger)[element] = api.BackupLedger{Seen: l.Seen, Stored: l.Stored, Already: l.Already, Excluded: l.Excluded, Failed: l.Failed, Reasons: l.Reasons}
	}
	return out
}

func manifest(m vault.Manifest) api.Manifest {
	out := api.Manifest{Snapshot: string(m.Snapshot.ID), Total: m.Total, Counts: api.Counts(m.Snapshot.Counts),
		Index: api.IndexPosition{Offset: m.Index.Offset, Length: m.Index.Length}}
	for _, c := range m.Chunks {
		out.Chunks = append(out.Chunks, api.ManifestChunk{Session: string(c.Session), Id: c.ID, Size: c.Size, Records: c.Records, Url: c.URL})
	}
	if m.Next != "" {
		out.Cursor = &m.Next
	}
	return out
}
