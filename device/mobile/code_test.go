package mobile

import (
	"fmt"
	"testing"

	"zapas/device"
)

// TestTold_AppTooOld: what only an update helps has a word of its own, and a sentence that says so.
func TestTold_AppTooOld(t *testing.T) {
	t.Parallel()
	text := told(fmt.Errorf("restore snapshot 01SNAP: %w", device.ErrAppTooOld)).Error()
	if Code(text) != CodeAppTooOld || Sentence(text) != "restore snapshot 01SNAP: "+device.ErrAppTooOld.Error() {
		t.Error(text)
	}
}
