package identity

import "fmt"

// kindMerged are the identities that another took over, grouped by that one.
const (
	kindMerged = "merged"
	// maxMerged is how many an identity may have taken over to be revoked with
	// them. Each but the first cost a login of its own.
	maxMerged = 1000
)

// putMerged notes whose sessions end with the survivor's, for as long as they
// last. Guests are nobody's.
func putMerged(tx Tx, gone *identityRecord) error {
	if gone.Authenticated.IsZero() {
		return nil
	}
	return tx.Put(Record{
		Kind: kindMerged, Key: gone.ID, Group: gone.MergedInto,
		Expires: gone.Modified.Add(MaxSessionLife + MaxClockSkew),
	})
}

// mergedInto returns the identities that one took over, and that those did.
func mergedInto(tx Tx, id string) ([]string, error) {
	var all []string
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		some, err := tx.List(kindMerged, queue[0], "", maxMerged+1)
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			all, queue = append(all, r.Key), append(queue, r.Key)
		}
		if len(all) > maxMerged {
			return nil, fmt.Errorf("more than %d identities were merged into %s: revoke the pool", maxMerged, shortID(id))
		}
	}
	return all, nil
}
