package inspect

// How a reduction is played to its end; what is known of each task and resource is put down in deadlock.go.

// settle lets everybody go on who can, and everybody whom that serves.
func (v *reduction) settle() {
	for i := range v.s.Tasks {
		if v.place[i] == nowhere {
			v.free(int32(i))
		}
	}
	for i := range v.s.Scopes { // whom nothing keeps although no task goes on
		v.joined(int32(i))
		v.slot(int32(i))
	}
	for i := range v.res {
		v.queue(int32(i))
		v.serve(int32(i))
	}
	for len(v.pending) > 0 {
		i := v.pending[len(v.pending)-1]
		v.pending = v.pending[:len(v.pending)-1]
		v.release(i)
	}
}

// free says that a task can go on.
func (v *reduction) free(i int32) {
	if !v.able[i] {
		v.able[i] = true
		v.when[i] = int32(len(v.s.Tasks) - v.left + 1)
		v.left--
		v.pending = append(v.pending, i)
	}
}

// freeAll frees a line, once.
func (v *reduction) freeAll(first *int32) {
	for i := *first; i >= 0; i = v.next[i] {
		if v.place[i] != nowhere { // else it has gone on already
			v.free(i)
		}
	}
	*first = -1
}

// release tells those who wait for what a task can now do, give back, or end.
func (v *reduction) release(i int32) {
	v.freeAll(&v.atTask[i])
	if sc := v.memberOf[i]; sc >= 0 {
		v.members[sc]--
		v.joined(sc)
		if v.s.Tasks[i].Slot {
			v.slots[sc]--
			v.slot(sc)
		}
	}
	for _, h := range v.holds[i] {
		state := &v.res[h.res]
		switch h.user {
		case atGet:
			state.putters.free = true
			v.queue(h.res)
		case atPut:
			state.getters.free = true
			v.queue(h.res)
		default:
			state.stuck -= h.amount
			if !h.write {
				state.readers -= h.amount
			}
			v.serve(h.res)
		}
	}
}

func (v *reduction) joined(sc int32) {
	if v.members[sc] == 0 {
		v.freeAll(&v.atJoin[sc])
	}
}

// slot serves those who want a slot. One that comes free is enough for all, one after another.
func (v *reduction) slot(sc int32) {
	if limit := v.s.Scopes[sc].Limit; limit == 0 || int(v.slots[sc]) < limit {
		v.freeAll(&v.atSlot[sc])
	}
}

func (v *reduction) queue(ri int32) {
	state := &v.res[ri]
	if state.getters.serve() {
		v.freeAll(&state.first[atPut-atPermits])
		v.freeAll(&state.first[atWorkDone-atPermits])
	}
	if state.putters.serve() {
		v.freeAll(&state.first[atGet-atPermits])
	}
}

// serve gives permits to those in line. Whoever gets some gives them back, so what counts is only what is held for ever.
func (v *reduction) serve(ri int32) {
	state := &v.res[ri]
	for ; state.served < len(state.queue); state.served++ {
		w := state.queue[state.served]
		if v.able[w.task] {
			continue // it leaves the line
		}
		if !v.fits(ri, w) {
			return // and nobody overtakes
		}
		v.free(w.task)
	}
}

// fits reports whether a request can be met with all permits that are not held for ever.
func (v *reduction) fits(ri int32, w waiting) bool {
	state, r := &v.res[ri], &v.s.Resources[ri]
	switch r.Kind {
	case kindRWMutex:
		return state.stuck == 0 || !w.write && state.stuck == state.readers
	case kindMutex:
		return state.stuck == 0
	default:
		return w.amount <= r.Capacity-min(state.stuck, r.InUse) // somebody may have given back in place of a holder
	}
}
