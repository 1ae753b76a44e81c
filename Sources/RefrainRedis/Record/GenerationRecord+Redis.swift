import RefrainCore
import RefrainKeys

/// The record as a hash: `epoch`, `clock`, `floor` and `before` in decimal; for each purged label one named
/// `l:` and the label, and for each purged key one named `k:` and its hex digits.
///
/// Beside it stands `write`, a number that each writer draws anew. Who knows the epoch, the clock and that number knows
/// the rest. The first two are not enough: a record that went back in time, and in which others have purged since, may
/// have come to the same clock.
extension GenerationRecord {
    /// Reads the hash; nil where it is none, or not one that we have written.
    init?(hash fields: [RESPValue]) {
        guard fields.count.isMultiple(of: 2) else { return nil }
        var epoch: UInt64?
        var clock: UInt64?
        var floor: UInt64 = 0
        var before: Timestamp?
        var subjects: [Subject: UInt64] = [:]
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard case .bulk(let name?) = fields[index], case .bulk(let bytes?) = fields[index + 1] else { return nil }
            let (field, text) = (String(decoding: name, as: UTF8.self), String(decoding: bytes, as: UTF8.self))
            if field == "before" {
                guard let milliseconds = Int64(text) else { return nil }
                before = Timestamp(milliseconds: milliseconds)
                continue
            }
            guard let value = UInt64(text) else { return nil }
            switch field {
            case "epoch": epoch = value
            case "clock": clock = value
            case "floor": floor = value
            case "write": break
            default:
                guard let subject = Subject(field: field) else { return nil }
                // Two spellings of one label are equal to Swift, and are two fields to Redis.
                subjects[subject, default: 0].raise(to: value)
            }
        }
        guard let epoch, let clock, clock >= floor, subjects.values.allSatisfy({ $0 <= clock }) else { return nil }
        self.init(epoch: epoch, clock: clock, before: before, fields: subjects, floor: floor)
    }

    /// The `write` of a hash; the null bulk string where it has none.
    static func write(of fields: [RESPValue]) -> RESPValue {
        let names = stride(from: 0, to: fields.count - 1, by: 2)
        return names.first { fields[$0] == .bulk(Array("write".utf8)) }.map { fields[$0 + 1] } ?? .bulk(nil)
    }

    /// The commands that make the hash `self`, where it is `other` now, by a writer that has drawn `write`.
    func commands(replacing other: GenerationRecord?, at key: String, write: String) -> [RESPCommand] {
        var set: [RESPArgument] = ["write", .text(write)]
        func note(_ name: String, _ value: String, _ old: String?) {
            if value != old { set += [.text(name), .text(value)] }
        }
        // A hash that loses fields is written anew.
        let kept = other.flatMap { other in
            other.epoch == self.epoch && other.fields.keys.allSatisfy { self.fields[$0] != nil }
                && (other.before == nil || self.before != nil) ? other : nil
        }
        note("epoch", "\(self.epoch)", kept.map { "\($0.epoch)" })
        note("clock", "\(self.clock)", kept.map { "\($0.clock)" })
        note("floor", "\(self.floor)", kept.map { "\($0.floor)" })
        if let before = self.before {
            note("before", "\(before.milliseconds)", kept?.before.map { "\($0.milliseconds)" })
        }
        for (subject, clock) in self.fields {
            note(subject.field, "\(clock)", kept?.fields[subject].map { "\($0)" })
        }
        let deletion = kept == nil ? [RESPCommand("DEL", .text(key))] : []
        return deletion + [RESPCommand(["HSET", .text(key)] + set)]
    }
}

extension GenerationRecord.Subject {
    /// The name of its field.
    fileprivate var field: String {
        switch self {
        case .label(let label): "l:" + label.description
        case .key(let key): "k:" + key.hex
        }
    }

    /// Reads the name of a field; nil where it is none of ours.
    fileprivate init?(field: String) {
        let name = field.dropFirst(2)
        if field.hasPrefix("l:") {
            self = .label(Label(stored: String(name)))
        } else if field.hasPrefix("k:"), let key = RequestKey(hex: name) {
            self = .key(key)
        } else {
            return nil
        }
    }
}

extension UInt64 {
    fileprivate mutating func raise(to value: UInt64) { self = Swift.max(self, value) }
}
