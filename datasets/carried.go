package datasets

import (
	"embed"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// carriedFiles are the data that the binary carries, by path from this folder:
// the sample (scripts/sample) and OpenAI's vocabularies (scripts/vocabularies).
//
//go:embed sample.json.zst vocabularies/*.zst
var carriedFiles embed.FS

// carried is a file that the binary carries, unpacked.
func carried(file string) ([]byte, error) {
	packed, err := carriedFiles.Open(file + ".zst")
	if err != nil {
		return nil, fmt.Errorf("data of the binary: %w", err)
	}
	defer packed.Close()
	unpacked, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("data of the binary: %s: %w", file, err)
	}
	defer unpacked.Close()
	data, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, fmt.Errorf("data of the binary: %s: %w", file, err)
	}
	return data, nil
}
