package contract

import (
	"hash/fnv"
	"strconv"
)

// HistoryShards is how many streams the history of channels is spread over. It must never change: it says where a
// channel's history lies.
const HistoryShards = 16

// HistoryStream is the name of a stream of history.
func (n Namespace) HistoryStream(shard int) string {
	return string(n) + "-history-" + strconv.Itoa(shard)
}

// HistorySubjects is every subject of a stream of history.
func (n Namespace) HistorySubjects(shard int) string {
	return string(n) + ".history." + strconv.Itoa(shard) + ".>"
}

// HistorySubject is where the history of a channel is stored. api writes. A record is a message as apps get it, under
// its ChannelMessageID, or an edit of one, with HeaderEdit, or its deletion, with HeaderDelete: what lies before a deletion
// is not shown, even where it is not erased yet.
func (n Namespace) HistorySubject(channel string) string {
	return string(n) + ".history." + strconv.Itoa(HistoryShard(channel)) + "." + EncodeToken(channel)
}

// HistoryShard says which stream has the history of a channel.
func HistoryShard(channel string) int {
	hash := fnv.New32a()
	hash.Write([]byte(channel)) //nolint:errcheck // a hash takes everything
	return int(hash.Sum32() % HistoryShards)
}
