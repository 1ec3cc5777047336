package tracking

import (
	"encoding/binary"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message in the making.
type message []byte

func (m message) text(field protowire.Number, value string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), value)
}

func (m message) number(field protowire.Number, value int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(value))
}

func (m message) sub(field protowire.Number, value message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), value)
}

// wandbLog is W&B's transaction log: seven bytes that name the format, then
// records in LevelDB's log format (github.com/google/leveldb, doc/log_format.md):
// blocks of 32 KiB, which no chunk of a record crosses, and before each chunk a
// checksum, its length and its kind, seven bytes. Two things are W&B's own: the
// checksum is CRC-32 of IEEE over kind and data, unmasked, and the first block has
// the seven bytes of the format in it.
type wandbLog struct{ bytes []byte }

const (
	wandbBlock = 32 << 10
	wandbHead  = 7 // bytes before a chunk
)

// Kinds of chunks.
const (
	chunkWhole = iota + 1
	chunkFirst
	chunkMiddle
	chunkLast
)

func newWandbLog() *wandbLog { return &wandbLog{[]byte(":W&B\xe1\xbe\x00")} }

// append adds a record.
func (l *wandbLog) append(record []byte) {
	for begun := false; ; begun = true {
		left := wandbBlock - len(l.bytes)%wandbBlock
		if left < wandbHead {
			l.bytes = append(l.bytes, make([]byte, left)...)
			left = wandbBlock
		}
		n := min(len(record), left-wandbHead)
		kind, ends := byte(chunkMiddle), n == len(record)
		switch {
		case ends && !begun:
			kind = chunkWhole
		case ends:
			kind = chunkLast
		case !begun:
			kind = chunkFirst
		}
		sum := crc32.Update(crc32.ChecksumIEEE([]byte{kind}), crc32.IEEETable, record[:n])
		l.bytes = binary.LittleEndian.AppendUint32(l.bytes, sum)
		l.bytes = binary.LittleEndian.AppendUint16(l.bytes, uint16(n))
		l.bytes = append(append(l.bytes, kind), record[:n]...)
		record = record[n:]
		if ends {
			return
		}
	}
}
