package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"zapas/shared/api"
)

// Agenda is what the service last said of backups to come, and when one last began: by it the device goes on when it cannot
// ask.
type Agenda struct {
	Profile api.DeviceProfile `json:"profile"`
	Planned []api.Planned     `json:"planned"` // in order
	Begun   time.Time         `json:"begun"`   // by the service's clock
}

const agendaFile = "agenda.json"

// Agenda reads it; one that is missing or damaged is empty, which the next check-in heals.
func (d *Dir) Agenda() (Agenda, error) {
	b, err := os.ReadFile(d.Path(agendaFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Agenda{}, nil
	}
	if err != nil {
		return Agenda{}, fmt.Errorf("read when backups fall due: %w", err)
	}
	var a Agenda
	if damaged := json.Unmarshal(b, &a) != nil; damaged {
		a = Agenda{}
	}
	return a, nil
}

// PutAgenda stores it, unless it is there already.
func (d *Dir) PutAgenda(a Agenda) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("encode when backups fall due: %w", err)
	}
	b = append(b, '\n')
	if there, err := os.ReadFile(d.Path(agendaFile)); err == nil && bytes.Equal(there, b) {
		return nil
	}
	return d.put(b, agendaFile)
}
