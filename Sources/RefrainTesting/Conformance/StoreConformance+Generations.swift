import RefrainCore
import RefrainKeys

extension StoreConformance.Check {
    /// Checks of purges.
    static let generations: [Self] = [
        Self("purgeByLabelEndsThoseThatCarryIt") { bench in
            let kinds: [(String) -> Label] = [Label.tag, Label.model, Label.version]
            for (number, kind) in kinds.enumerated() {
                try await bench.put(10 * number, labels: [.tag("x"), kind("name"), .tag("y")])
                let other = try await bench.put(10 * number + 1, labels: [kind("name2"), .tag("x")])
                let bare = try await bench.put(10 * number + 2)
                try await bench.store.purge(.label(kind("name")))
                try await bench.expectMiss(10 * number, "after a purge of \(kind("name"))")
                try await bench.expect(10 * number + 1, is: other, "after a purge of \(kind("name"))")
                try await bench.expect(10 * number + 2, is: bare, "without labels, after a purge of a label")
            }
        },
        Self("purgeByKeyEndsThatEntryAlone") { bench in
            let purged = try await bench.put(1, labels: [.tag("a")])
            let other = try await bench.put(2, labels: [.tag("a")])
            try await bench.store.purge(.key(purged.key))
            try await bench.expectMiss(1, "after a purge of its key")
            try await bench.expect(2, is: other, "after a purge of another key")
            let again = try await bench.put(1, labels: [.tag("a")])
            try await bench.expect(1, is: again, "asked for after the purge of its key")
        },
        Self("kindsOfLabelsAreApart") { bench in
            let envelope = try await bench.put(1, labels: [.tag("a"), .model("b")])
            try await bench.store.purge(.label(.model("a")))
            try await bench.store.purge(.label(.version("b")))
            try await bench.store.purge(.label(.tag("b")))
            try await bench.expect(1, is: envelope, "after purges of the same names of other kinds")
        },
        Self("purgeBeforeEndsWhatIsNotLater") { bench in
            let stamp = try await bench.store.generation()
            try await bench.put(1, generation: stamp)
            bench.clock.advance(by: .milliseconds(1))
            let moment = bench.clock.now
            try await bench.put(2, generation: stamp)
            bench.clock.advance(by: .milliseconds(1))
            let later = try await bench.put(3, generation: stamp)
            try await bench.store.purge(.before(moment))
            try await bench.expectMiss(1, "created before the moment")
            try await bench.expectMiss(2, "created at the moment")
            try await bench.expect(3, is: later, "created after the moment")
            try await bench.store.purge(.before(moment.advanced(by: .seconds(-10))))
            try await bench.expectMiss(2, "after a purge of an earlier moment")
        },
        Self("purgeOfAllEndsEverything") { bench in
            for number in 1...5 { try await bench.put(number, labels: number % 2 == 0 ? [.tag("a")] : []) }
            try await bench.store.purge(.all)
            for number in 1...5 { try await bench.expectMiss(number, "after a purge of all") }
        },
        Self("whatIsAskedForAfterAPurgeIsKept") { bench in
            let purges: [Purge] = [.label(.tag("a")), .before(bench.clock.now), .all, .label(.tag("a"))]
            for (number, purge) in purges.enumerated() {
                try await bench.store.purge(purge)
                bench.clock.advance(by: .milliseconds(1))
                let envelope = try await bench.put(number, labels: [.tag("a")])
                try await bench.expect(number, is: envelope, "asked for after the purge \(purge)")
            }
        },
        Self("anAnswerOnItsWayDuringAPurgeIsNotRead") { bench in
            for (number, purge) in [Purge.label(.tag("a")), .all].enumerated() {
                let stamp = try await bench.store.generation()
                let newer = try await bench.store.purge(purge)
                try bench.expect(newer != stamp, "the purge \(purge) left the generation as it was")
                try await bench.put(number, labels: [.tag("a")], generation: stamp)
                try await bench.expectMiss(number, "asked for before the purge \(purge) and stored after it")
            }
            let stamp = try await bench.store.generation()
            try await bench.store.purge(.label(.tag("b")))
            let unrelated = try await bench.put(5, labels: [.tag("a")], generation: stamp)
            try await bench.expect(5, is: unrelated, "stored after a purge of another label")
        },
        Self("aPurgeReturnsTheGenerationThatFollows") { bench in
            let returned = try await bench.store.purge(.label(.tag("a")))
            let read = try await bench.store.generation()
            try bench.expect(returned == read, "the purge returned \(returned), and then it is \(read)")
            let next = try await bench.store.purge(.label(.tag("b")))
            try bench.expect(
                next.epoch == returned.epoch && next.clock > returned.clock,
                "a purge of a label led from \(returned) to \(next)")
            let fresh = try await bench.store.purge(.all)
            try bench.expect(fresh.epoch != next.epoch, "a purge of all kept the epoch")
        },
        Self("anotherEpochIsNotRead") { bench in
            let stamp = try await bench.store.generation()
            let foreign = GenerationStamp(epoch: stamp.epoch &+ 1, clock: stamp.clock)
            try await bench.put(1, generation: foreign)
            try await bench.expectMiss(1, "of another epoch")
        },
        Self("manyPurgesAreRemembered") { bench in
            let stamp = try await bench.store.generation()
            for number in 0..<300 { try await bench.store.purge(.label(.tag("\(number)"))) }
            for number in stride(from: 0, to: 300, by: 50) {
                try await bench.put(number, labels: [.tag("\(number)")], generation: stamp)
                try await bench.expectMiss(number, "asked for before its label was purged")
            }
        },
    ]
}
