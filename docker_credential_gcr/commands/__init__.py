"""Commands by click, as both programs have them: completion, manual pages, refused secrets."""
