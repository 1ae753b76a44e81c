/// Where in a request a walk is: the parameter, and an index for each array inside it.
struct RequestPlace {
    /// The name of the parameter, or nothing at the top.
    var parameter: StaticString = ""
    private var first = 0
    private var second = 0
    private var third = 0
    private var depth = 0

    /// Enters an array.
    @inline(__always)
    mutating func enter() {
        self.depth &+= 1
        self.set(0)
    }

    /// Goes on to the array's next element.
    @inline(__always)
    mutating func advance() {
        switch self.depth {
        case 1: self.first &+= 1
        case 2: self.second &+= 1
        case 3: self.third &+= 1
        default: break
        }
    }

    /// Leaves an array.
    @inline(__always)
    mutating func leave() { self.depth &-= 1 }

    @inline(__always)
    private mutating func set(_ index: Int) {
        switch self.depth {
        case 1: self.first = index
        case 2: self.second = index
        case 3: self.third = index
        default: break
        }
    }

    /// The place as a path, such as `messages[2].content[0]`.
    var path: String {
        var path = self.parameter.description
        if self.depth > 0 { path += "[\(self.first)]" }
        if self.depth > 1 { path += ".content[\(self.second)]" }
        if self.depth > 2 { path += ".content[\(self.third)]" }
        return path
    }
}
