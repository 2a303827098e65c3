package dynamoitem

// How many items a call has. Source: DynamoDB API Reference, BatchGetItem,
// BatchWriteItem, BatchExecuteStatement, TransactWriteItems,
// ExecuteTransaction.
const (
	maxBatchGet    = 100
	maxBatchWrite  = 25
	maxTransaction = 100
	// maxParameters is ours: more than a statement has characters.
	maxParameters = 8192
)

// keys reads the Keys of a table of a BatchGetItem.
func (r *reader) keys(p *part) error {
	r.next()
	p.list.start = r.pos
	err := r.array(1, maxBatchGet, func(int) error { return r.entry(p, false) })
	p.list.end = r.pos
	return err
}

// requestItems reads the tables of a batch.
func (r *reader) requestItems() error {
	r.next()
	r.op.items.start = r.pos
	total, most := 0, maxBatchGet
	if r.op.name == "BatchWriteItem" {
		most = maxBatchWrite
	}
	err := r.object(func(name string) error {
		p := &part{label: name}
		var err error
		if p.table, err = r.scope.tableARN(name); err != nil {
			return r.fault("%w", err)
		}
		for _, other := range r.op.parts {
			if other.table == p.table {
				return r.fault("the table is named twice")
			}
		}
		if err := r.tableOf(p); err != nil {
			return err
		}
		if total += len(p.entries); total > most {
			return r.fault("a batch has at most %d items", most)
		}
		r.op.parts = append(r.op.parts, p)
		return nil
	})
	r.op.items.end = r.pos
	return err
}

// tableOf reads what a batch wants of one table.
func (r *reader) tableOf(p *part) error {
	r.next()
	p.value.start = r.pos
	if r.op.name == "BatchGetItem" {
		spec := partShapes["KeysAndAttributes"]
		p.action = spec.action
		if err := r.part(p, &spec.shape); err != nil {
			return err
		}
		p.value.end = r.pos
		return nil
	}
	p.action, p.member = "BatchWriteItem", r.place()
	if err := r.array(1, maxBatchWrite, func(int) error { return r.writeRequest(p) }); err != nil {
		return err
	}
	p.value.end = r.pos
	p.list = p.value
	return p.finish()
}

// writeRequest reads {PutRequest: {Item}} or {DeleteRequest: {Key}}.
func (r *reader) writeRequest(p *part) error {
	r.next()
	start := r.pos
	request := &part{}
	err := r.one(func(name string) error {
		if name != "PutRequest" && name != "DeleteRequest" {
			return r.fault("want PutRequest or DeleteRequest")
		}
		return r.part(request, &partShapes[name].shape)
	})
	if err != nil {
		return err
	}
	e := request.entries[0]
	e.raw = span{start, r.pos}
	p.entries = append(p.entries, e)
	return nil
}

// transactItem reads one member of a transaction.
func (r *reader) transactItem() error {
	return r.one(func(name string) error {
		spec, ok := partShapes[name]
		if ok && r.op.name == "TransactGetItems" {
			ok = name == "Get"
		} else if ok {
			ok = name == "Put" || name == "Update" || name == "Delete" || name == "ConditionCheck"
		}
		if !ok {
			return r.fault("no such member is known here")
		}
		p := &part{action: spec.action}
		r.op.parts = append(r.op.parts, p)
		return r.part(p, &spec.shape)
	})
}

func (r *reader) statementPart(member string) error {
	p := &part{}
	r.op.parts = append(r.op.parts, p)
	return r.part(p, &partShapes[member].shape)
}

// one reads an object of one member; others may be null.
func (r *reader) one(read func(name string) error) error {
	n := 0
	err := r.object(func(name string) error {
		if r.null() {
			return nil
		}
		if n++; n > 1 {
			return r.fault("want one member alone")
		}
		return read(name)
	})
	if err == nil && n == 0 {
		err = r.fault("want one member")
	}
	return err
}
