package uploads

import (
	"encoding/base64"
	"fmt"
	"time"

	"zapas/shared/api"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

func sums(in api.ChunksInput) ([]vault.ChunkSum, error) {
	var out []vault.ChunkSum
	for i, c := range in.Chunks {
		sum, err := base64.RawURLEncoding.Strict().DecodeString(c.Sha256)
		if err != nil || len(sum) != 32 {
			return nil, fault.Fields([]fault.Field{{Pointer: fmt.Sprintf("/chunks/%d/sha256", i), Code: "invalid",
				Detail: "it is no SHA-256 in base64url without padding"}})
		}
		out = append(out, vault.ChunkSum{SHA256: [32]byte(sum), Size: c.Size})
	}
	return out, nil
}

func signed(all []vault.Signed, until time.Time) api.SignedChunks {
	out := api.SignedChunks{ExpiresAt: until}
	for _, s := range all {
		out.Chunks = append(out.Chunks, api.SignedChunk{Id: s.ID, Url: s.URL, Headers: s.Headers})
	}
	return out
}

func commit(in api.CommitInput) vault.Commit {
	c := vault.Commit{Dropped: in.Dropped, Index: vault.Index{Offset: in.Index.Offset, Length: in.Index.Length},
		Counts: vault.Counts(in.Counts), Coverage: in.Coverage, Ledger: map[string]vault.Ledger{}}
	for _, a := range in.Added {
		c.Added = append(c.Added, vault.Added{ID: a.Id, Size: a.Size, Records: a.Records})
	}
	for element, l := range in.Ledger {
		c.Ledger[element] = vault.Ledger{Seen: l.Seen, Stored: l.Stored, Already: l.Already, Excluded: l.Excluded, Failed: l.Failed, Reasons: l.Reasons}
	}
	return c
}
