package tracking

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

// Records of any length come back whole from a reader of LevelDB's format, also
// where they end at a block's end and where a block has no room for a chunk's head.
func TestWandbLogIsLevelDBs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lengths := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 100), rapid.IntRange(wandbBlock-40, wandbBlock+40), rapid.IntRange(0, 3*wandbBlock)), 1, 6).Draw(rt, "lengths")
		log := newWandbLog()
		var want [][]byte
		for i, n := range lengths {
			record := bytes.Repeat([]byte{byte(i + 1)}, n)
			want = append(want, record)
			log.append(record)
		}
		var got [][]byte
		var record []byte
		for at := wandbHead; at < len(log.bytes); {
			if left := wandbBlock - at%wandbBlock; left < wandbHead {
				at += left
				continue
			}
			sum, n, kind := binary.LittleEndian.Uint32(log.bytes[at:]), int(binary.LittleEndian.Uint16(log.bytes[at+4:])), log.bytes[at+6]
			if at%wandbBlock+wandbHead+n > wandbBlock {
				rt.Fatalf("the chunk at %d crosses a block", at)
			}
			if crc32.ChecksumIEEE(log.bytes[at+6:at+wandbHead+n]) != sum {
				rt.Fatalf("the chunk at %d has another checksum", at)
			}
			if begins := kind == chunkWhole || kind == chunkFirst; begins != (record == nil) {
				rt.Fatalf("the chunk at %d is of kind %d", at, kind)
			}
			record = append(append([]byte{}, record...), log.bytes[at+wandbHead:at+wandbHead+n]...)
			at += wandbHead + n
			if kind == chunkWhole || kind == chunkLast {
				got, record = append(got, record), nil
			}
		}
		if len(got) != len(want) || record != nil {
			rt.Fatalf("got %d records, want %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				rt.Errorf("record %d has %d bytes, want %d", i, len(got[i]), len(want[i]))
			}
		}
	})
}
