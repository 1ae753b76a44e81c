import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

/// The key of an entry, where only labels matter.
private let anyKey = RequestKey(memoizing: "a", in: "GenerationTests")

extension GenerationRecord.Subject {
    fileprivate static func tag(_ name: String) -> Self { .label(.tag(name)) }
}

@Suite struct GenerationRecordTests {
    private let labels = [Label.tag("a"), .model("m")]

    private func admits(
        _ record: GenerationRecord, epoch: UInt64 = 1, clock: UInt64, labels: [Label]? = nil, created: Int64 = 100
    ) -> Bool {
        record.admits(
            anyKey, stamp: GenerationStamp(epoch: epoch, clock: clock), labels: labels ?? self.labels,
            created: Timestamp(milliseconds: created))
    }

    @Test func anEarlierClockOfAnotherEpochIsNoRecordEither() {
        var record = GenerationRecord(epoch: 2, clock: 11)
        #expect(record.merge(GenerationRecord(epoch: 1, clock: 10), newEpoch: 9) == .newEpoch)
        #expect(!self.admits(record, epoch: 1, clock: 10), "what was purged stays so")
        #expect(!self.admits(record, epoch: 2, clock: 11))
    }

    @Test func aPurgedKeyEndsItsEntryAndNoOther() {
        let other = RequestKey(memoizing: "b", in: "GenerationTests")
        var record = GenerationRecord(epoch: 1)
        record.apply(.key(anyKey), newEpoch: 9)
        #expect(!self.admits(record, clock: 0) && self.admits(record, clock: 1))
        #expect(record.admits(other, stamp: GenerationStamp(epoch: 1, clock: 0), labels: [], created: .distantFuture))
    }

    @Test func admitsWhatNoPurgeNames() {
        var record = GenerationRecord(epoch: 1)
        #expect(record.stamp == GenerationStamp(epoch: 1, clock: 0))
        #expect(self.admits(record, clock: 0))
        record.apply(.label(.tag("b")), newEpoch: 9)
        #expect(record.stamp == GenerationStamp(epoch: 1, clock: 1))
        #expect(self.admits(record, clock: 0))
        #expect(self.admits(record, clock: 0, labels: []))
    }

    @Test func aLabelsPurgeEndsWhatWasAskedForBefore() {
        var record = GenerationRecord(epoch: 1, clock: 5)
        record.apply(.label(.model("m")), newEpoch: 9)
        #expect(!self.admits(record, clock: 5))
        #expect(self.admits(record, clock: 6))
        #expect(self.admits(record, clock: 5, labels: [.tag("m")]))
        record.apply(.label(.tag("a")), newEpoch: 9)
        #expect(!self.admits(record, clock: 6))
        #expect(self.admits(record, clock: 7))
    }

    @Test func aMomentsPurgeEndsWhatWasCreatedUntilThen() {
        var record = GenerationRecord(epoch: 1)
        record.apply(.before(Timestamp(milliseconds: 100)), newEpoch: 9)
        #expect(record.clock == 1)
        for clock: UInt64 in [0, 1] {
            #expect(!self.admits(record, clock: clock, created: 99))
            #expect(!self.admits(record, clock: clock, created: 100))
            #expect(self.admits(record, clock: clock, created: 101))
        }
        record.apply(.before(Timestamp(milliseconds: 50)), newEpoch: 9)
        #expect(!self.admits(record, clock: 2, created: 100), "an earlier moment takes nothing back")
    }

    @Test func aPurgeOfAllTakesANewEpoch() {
        var record = GenerationRecord(epoch: 1, clock: 3, fields: [.tag("a"): 2])
        record.apply(.all, newEpoch: 9)
        #expect(record == GenerationRecord(epoch: 9, clock: 4))
        #expect(!self.admits(record, clock: 3))
        #expect(!self.admits(record, clock: 4))
        #expect(self.admits(record, epoch: 9, clock: 4))
        record.apply(.all, newEpoch: 9)
        #expect(record.epoch != 9, "the same epoch twice is not a new one")
    }

    @Test func aStampAheadOfTheRecordIsNotVouchedFor() {
        let record = GenerationRecord(epoch: 1, clock: 3)
        #expect(self.admits(record, clock: 3))
        #expect(!self.admits(record, clock: 4))
    }

    @Test func theClockDoesNotWrap() {
        var record = GenerationRecord(epoch: 1, clock: .max)
        record.apply(.label(.tag("z")), newEpoch: 9)
        #expect(record == GenerationRecord(epoch: 9))
    }

    @Test func aRecordRaisesItsClockToItsFields() {
        #expect(GenerationRecord(epoch: 1, clock: 1, fields: [.tag("a"): 7]).clock == 7)
        #expect(GenerationRecord(epoch: 1, clock: 1, floor: 8).clock == 8)
    }

    @Test func theOldestLabelsAreFoldedIntoAFloor() {
        var record = GenerationRecord(epoch: 1)
        for number in 1...8 { record.apply(.label(.tag("\(number)")), newEpoch: 9, maximumFields: 8) }
        #expect(record.fields.count == 8)
        #expect(self.admits(record, clock: 0))
        record.apply(.label(.tag("9")), newEpoch: 9, maximumFields: 8)
        // The last six purges, 4 to 9, are still known by their labels.
        #expect(record.fields.count == 6)
        #expect(record.floor == 3)
        #expect(!self.admits(record, clock: 2), "missed, although its labels were never purged")
        #expect(self.admits(record, clock: 3))
        #expect(!self.admits(record, clock: 3, labels: [.tag("4")]))
    }

    /// Folding, merging and anything else may refuse more than a record without bounds would, and never less.
    @Test(arguments: [UInt64(1), 2, 3])
    func neverAdmitsWhatWasPurged(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var record = GenerationRecord(epoch: 1)
        var entries: [(stamp: GenerationStamp, labels: [Label], created: Timestamp, purged: Bool)] = []
        for step in 1...1_000 {
            let labels = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                Label.tag("\(Int.random(in: 0..<20, using: &random))")
            }
            let created = Timestamp(milliseconds: Int64(step))
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<70:
                entries.append((record.stamp, labels, created, false))
            case 70..<97:
                let label = Label.tag("\(Int.random(in: 0..<20, using: &random))")
                record.apply(.label(label), newEpoch: random.next(), maximumFields: 12)
                for index in entries.indices where entries[index].labels.contains(label) {
                    entries[index].purged = true
                }
            case 97, 98:
                let moment = Timestamp(milliseconds: Int64.random(in: 0...Int64(step), using: &random))
                record.apply(.before(moment), newEpoch: random.next())
                for index in entries.indices where entries[index].created <= moment { entries[index].purged = true }
            default:
                record.apply(.all, newEpoch: random.next())
                for index in entries.indices { entries[index].purged = true }
            }
            if step % 100 == 0 {
                for entry in entries where entry.purged {
                    #expect(!record.admits(anyKey, stamp: entry.stamp, labels: entry.labels, created: entry.created))
                }
                #expect(record.admits(anyKey, stamp: record.stamp, labels: [.tag("1")], created: .distantFuture))
                #expect(record.fields.count <= 12)
            }
        }
    }

    // MARK: Another copy

    @Test func aLaterRecordOfTheSameEpochIsTakenOver() {
        var record = GenerationRecord(
            epoch: 1, clock: 4, before: Timestamp(milliseconds: 10), fields: [.tag("a"): 4, .tag("b"): 1], floor: 0)
        let other = GenerationRecord(
            epoch: 1, clock: 6, before: Timestamp(milliseconds: 11), fields: [.tag("a"): 4, .tag("c"): 6], floor: 1)
        #expect(record.merge(other, newEpoch: 9) == .adopted)
        #expect(record == other, "the floor stands for the label that it lacks")
    }

    @Test func aRecordThatLacksAKnownPurgeBeginsANewEpoch() {
        let known = GenerationRecord(
            epoch: 1, clock: 4, before: Timestamp(milliseconds: 10), fields: [.tag("a"): 4], floor: 2)
        let lacking = [
            GenerationRecord(epoch: 1, clock: 6, before: Timestamp(milliseconds: 10), fields: [.tag("b"): 6], floor: 2),
            GenerationRecord(epoch: 1, clock: 6, before: Timestamp(milliseconds: 10), fields: [.tag("a"): 3], floor: 2),
            GenerationRecord(epoch: 1, clock: 6, before: Timestamp(milliseconds: 9), fields: [.tag("a"): 4], floor: 2),
            GenerationRecord(epoch: 1, clock: 6, fields: [.tag("a"): 4], floor: 2),
            GenerationRecord(epoch: 1, clock: 6, before: Timestamp(milliseconds: 10), fields: [.tag("a"): 4], floor: 1),
        ]
        for other in lacking {
            var record = known
            #expect(record.merge(other, newEpoch: 9) == .newEpoch)
            #expect(record == GenerationRecord(epoch: 9, clock: 6))
        }
    }

    @Test func anotherEpochIsTakenOver() {
        var record = GenerationRecord(epoch: 1, clock: 4, fields: [.tag("a"): 4])
        // A purge of everything elsewhere: another epoch, and a later clock.
        let other = GenerationRecord(epoch: 2, clock: 5)
        #expect(record.merge(other, newEpoch: 9) == .adopted)
        #expect(record == other)
    }

    @Test func aLostRecordBeginsANewEpoch() {
        var record = GenerationRecord(epoch: 1, clock: 4)
        #expect(record.merge(nil, newEpoch: 9) == .newEpoch)
        #expect(record == GenerationRecord(epoch: 9, clock: 4))
    }

    @Test func aClockThatRanBackwardsBeginsANewEpoch() {
        var record = GenerationRecord(epoch: 1, clock: 4)
        #expect(record.merge(GenerationRecord(epoch: 1, clock: 3), newEpoch: 9) == .newEpoch)
        #expect(record == GenerationRecord(epoch: 9, clock: 4))
    }
}

@Suite struct GenerationTrackerTests {
    @Test func answersAsItsRecordDoes() {
        var random = SeededGenerator(seed: 5)
        let tracker = GenerationTracker(record: GenerationRecord(epoch: 1))
        for _ in 0..<300 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: tracker.purge(.all)
            case 1: tracker.purge(.before(Timestamp(milliseconds: Int64.random(in: 0..<50, using: &random))))
            case 2: tracker.replace(with: GenerationRecord(epoch: 1, clock: UInt64.random(in: 0..<20, using: &random)))
            default: tracker.purge(.label(.tag("\(Int.random(in: 0..<5, using: &random))")))
            }
            let record = tracker.record
            #expect(tracker.stamp() == record.stamp)
            for _ in 0..<20 {
                let stamp = GenerationStamp(
                    epoch: Bool.random(using: &random) ? record.epoch : 1,
                    clock: UInt64.random(in: record.clock.subtracted(5)...record.clock + 1, using: &random))
                let labels = [Label.tag("\(Int.random(in: 0..<5, using: &random))")]
                let created = Timestamp(milliseconds: Int64.random(in: 0..<60, using: &random))
                #expect(
                    tracker.admits(anyKey, stamp: stamp, labels: labels, created: created)
                        == record.admits(anyKey, stamp: stamp, labels: labels, created: created))
            }
        }
    }

    @Test func epochsComeFromWhereTheyAreTold() {
        let next = Locked<UInt64>(100)
        let tracker = GenerationTracker(
            newEpoch: {
                next.withLock {
                    $0 += 1
                    return $0
                }
            })
        #expect(tracker.stamp().epoch == 101)
        #expect(tracker.purge(.all).epoch == 102)
    }

    // MARK: With a shared tier

    /// A tracker that a shared tier keeps at epoch 1, clock 3.
    private static func shared() -> GenerationTracker {
        let epochs = Locked<UInt64>(100)
        let tracker = GenerationTracker.shared {
            epochs.withLock {
                $0 += 1
                return $0
            }
        }
        tracker.replace(with: GenerationRecord(epoch: 1, clock: 3, fields: [.tag("x"): 3]))
        return tracker
    }

    @Test func nothingIsVouchedForWithoutTheSharedRecord() {
        let tracker = Self.shared()
        let now = Timestamp(milliseconds: 1_000)
        #expect(!tracker.vouches(at: now))
        tracker.vouch(healthyUntil: Timestamp(milliseconds: 2_000), until: Timestamp(milliseconds: 60_000))
        #expect(tracker.vouches(at: now) && tracker.readsOnGrace == 0)
        #expect(tracker.vouches(at: Timestamp(milliseconds: 2_000)) && tracker.readsOnGrace == 1)
        #expect(!tracker.vouches(at: Timestamp(milliseconds: 60_000)) && tracker.readsOnGrace == 1)
        tracker.suspend()
        #expect(!tracker.vouches(at: now))
        #expect(GenerationTracker().vouches(at: now), "without a shared tier there is nobody to ask")
    }

    @Test func aPendingPurgeRefusesWhatItNamesAndRaisesNoClock() {
        let tracker = Self.shared()
        let moment = Timestamp(milliseconds: 50)
        let labels = [Label.tag("a")]
        #expect(tracker.purge(.label(.tag("a"))) == GenerationStamp(epoch: 1, clock: 3))
        #expect(tracker.stamp().clock == 3, "a stamp ahead of the shared clock would survive another's purge")
        #expect(!tracker.admits(anyKey, stamp: tracker.stamp(), labels: labels, created: moment))
        #expect(tracker.admits(anyKey, stamp: tracker.stamp(), labels: [.tag("b")], created: moment))
        // The shared tier acknowledges.
        tracker.replace(with: GenerationRecord(epoch: 1, clock: 4, fields: [.tag("x"): 3, .tag("a"): 4]))
        for (purge, number) in tracker.pending { tracker.settle(purge, number: number) }
        #expect(tracker.pending.isEmpty && tracker.stamp().clock == 4)
        #expect(tracker.admits(anyKey, stamp: tracker.stamp(), labels: labels, created: moment))
        #expect(!tracker.admits(anyKey, stamp: GenerationStamp(epoch: 1, clock: 3), labels: labels, created: moment))
    }

    @Test func aPurgeThatIsAskedForAgainIsPendingUntilThatIsSettled() {
        let tracker = Self.shared()
        let first = tracker.pend(.all)
        let second = tracker.pend(.all)
        tracker.settle(.all, number: first)
        #expect(!tracker.admits(anyKey, stamp: tracker.stamp(), labels: [], created: Timestamp(milliseconds: 5)))
        tracker.settle(.all, number: second)
        #expect(tracker.admits(anyKey, stamp: tracker.stamp(), labels: [], created: Timestamp(milliseconds: 5)))
    }

    @Test func anEpochThatWasLeftIsNotTakenUpAgain() {
        let tracker = Self.shared()
        #expect(tracker.replace(with: GenerationRecord(epoch: 2, clock: 4)) == .adopted)
        // A replica that had not heard of the purge of everything, and has since recorded others.
        #expect(tracker.replace(with: GenerationRecord(epoch: 1, clock: 9, fields: [.tag("x"): 3])) == .newEpoch)
        #expect(![1, 2].contains(tracker.stamp().epoch))
    }

    @Test func aCallAnswersWhoComesUntilAPurgeOfItsLabelsIsRecorded() {
        let tracker = GenerationTracker.shared(newEpoch: { 9 })
        let record = GenerationRecord(epoch: 1, clock: 5)
        tracker.replace(with: record)
        func mayAnswer(after purges: Purge...) -> Bool {
            let stamp = tracker.stamp()
            var next = tracker.record
            for purge in purges { next.apply(purge, newEpoch: stamp.epoch + 1) }
            tracker.replace(with: next)
            return tracker.mayAnswer(anyKey, stamp: stamp, labels: [.tag("t")], began: Timestamp(milliseconds: 100))
        }
        #expect(mayAnswer())
        #expect(mayAnswer(after: .label(.tag("other")), .before(Timestamp(milliseconds: 99))))
        #expect(!mayAnswer(after: .label(.tag("t"))))
        #expect(!mayAnswer(after: .label(.model("any"))))
        #expect(!mayAnswer(after: .before(Timestamp(milliseconds: 100))))
        #expect(!mayAnswer(after: .all))
    }

    @Test func aMomentInTheFutureCountsForNewStampsToo() {
        let tracker = GenerationTracker(record: GenerationRecord(epoch: 1))
        tracker.purge(.before(Timestamp(milliseconds: 500)))
        #expect(!tracker.admits(anyKey, stamp: tracker.stamp(), labels: [], created: Timestamp(milliseconds: 500)))
        #expect(tracker.admits(anyKey, stamp: tracker.stamp(), labels: [], created: Timestamp(milliseconds: 501)))
    }
}

extension UInt64 {
    /// This less `other`, and 0 at least.
    fileprivate func subtracted(_ other: UInt64) -> UInt64 { self < other ? 0 : self - other }
}
