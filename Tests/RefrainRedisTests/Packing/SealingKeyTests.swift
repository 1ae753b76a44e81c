import Foundation
import RefrainTesting
import Testing

@testable @_spi(Fuzzing) import RefrainRedis

@Suite struct SealingKeyTests {
    private let bytes = SeededGenerator(seed: 9).first(32)

    private var hex: String { self.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    private var base64: String { Data(self.bytes).base64EncodedString() }

    @Test func readsEveryForm() throws {
        let key = try SealingKey(bytes: self.bytes)
        let url = self.base64.replacing("+", with: "-").replacing("/", with: "_")
        let forms = [
            self.hex, self.hex.uppercased(), self.base64, url, String(self.base64.dropLast()), String(url.dropLast()),
            self.base64 + "\n", " \t\(self.hex)\r\n",
        ]
        for form in forms { #expect(try SealingKey(form) == key) }
        // Bytes whose base64 has both characters in which the alphabets differ.
        let both = [UInt8](repeating: 0xFB, count: 16) + [UInt8](repeating: 0xFF, count: 16)
        let text = Data(both).base64EncodedString()
        #expect(text.contains("+") && text.contains("/"))
        let inURL = text.replacing("+", with: "-").replacing("/", with: "_")
        #expect(try SealingKey(inURL) == SealingKey(bytes: both))
        #expect(try SealingKey(text) == SealingKey(bytes: both))
    }

    @Test func refusesEverythingElseAndRepeatsNoneOfIt() {
        func error(_ text: String) -> SealingKeyError? {
            do throws(SealingKeyError) {
                _ = try SealingKey(text)
                return nil
            } catch {
                return error
            }
        }
        let lengths = [
            "", "secret", String(self.hex.dropLast()), self.hex + "0", self.base64 + "A", self.hex + self.hex,
        ]
        for text in lengths {
            #expect(error(text)?.code == .length)
            #expect(error(text)?.message.contains("and these are \(text.count)") == true)
        }
        // Of the right length, and with something in them that does not belong there.
        let encodings = [
            "g" + self.hex.dropFirst(), "é" + self.hex.dropFirst(2), "!" + self.base64.dropFirst(),
            "=" + self.base64.dropFirst(), self.base64.prefix(20) + " " + self.base64.dropFirst(21),
        ]
        for text in encodings {
            let error = error(text)
            #expect(error?.code == .encoding)
            for shown in ["\(String(describing: error))", error?.message ?? ""] {
                #expect(!shown.contains(text.dropFirst().prefix(6)))
            }
        }
        // Base64 of 32 and of 33 bytes have the same length, but for the padding.
        #expect(error(Data(SeededGenerator(seed: 1).first(33)).base64EncodedString())?.code == .length)
        #expect(throws: SealingKeyError.self) { try SealingKey(bytes: [UInt8](repeating: 0, count: 31)) }
        #expect(throws: SealingKeyError.self) { try SealingKey(bytes: []) }
    }

    @Test func showsNothingOfTheKey() throws {
        let key = try SealingKey(bytes: self.bytes)
        let sealing = Sealing(key: key, previousKeys: [key])
        var texts = ["\(key)", String(reflecting: key), "\(sealing)", String(reflecting: sealing), key.id]
        texts += ["\(EnvelopePacker(sealing: sealing))", String(reflecting: EnvelopePacker(sealing: sealing))]
        for value in [key, sealing, EnvelopePacker(sealing: sealing)] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            texts.append(dumped)
        }
        let numbers = self.bytes.map { "\($0)" }
        for text in texts {
            #expect(text.contains(key.id))
            #expect(!text.contains(self.hex.prefix(8)) && !text.contains(self.base64.prefix(8)))
            #expect(!text.contains(numbers.prefix(3).joined(separator: ", ")))
            #expect(!text.contains("material") && !text.contains("SymmetricKey"))
        }
        #expect(Mirror(reflecting: key).children.map(\.label) == ["id"])
    }

    @Test func idsTellKeysApart() throws {
        let ids = try (0..<50).map { try PackingSamples.sealingKey($0).id }
        #expect(Set(ids).count == 50)
        #expect(ids.allSatisfy { $0.count == 16 })
        // An id never changes: it is in every envelope that the key has sealed.
        #expect(ids[1] == "e6717b3b655a6ed7")
    }

    @Test func randomKeysDiffer() {
        let keys = (0..<20).map { _ in SealingKey.random() }
        #expect(Set(keys.map(\.id)).count == 20)
        #expect(keys[0] == keys[0] && keys[0] != keys[1])
    }
}
