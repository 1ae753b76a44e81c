extension SimulatedModel {
    /// The model as `GET /v1/models/{id}` shows it.
    var description: JSONFragment {
        [
            "type": "model", "id": JSONFragment(string: self.resolvedID),
            "display_name": JSONFragment(string: self.displayName),
            "created_at": JSONFragment(string: self.created + "T00:00:00Z"),
            "max_input_tokens": JSONFragment(self.maximumInput), "max_tokens": JSONFragment(self.maximumOutput),
        ]
    }

    /// All models as `GET /v1/models` lists them, on one page.
    static var page: JSONFragment {
        let models = Self.listed
        return [
            "data": JSONFragment(elements: models.map(\.description)), "has_more": false,
            "first_id": JSONFragment(optional: models.first?.resolvedID),
            "last_id": JSONFragment(optional: models.last?.resolvedID),
        ]
    }
}
