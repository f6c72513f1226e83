package io.tandem.kernels.pretrain;

/** Other written forms, so that quotes, braces and colons are not foreign: labels, sets, quotations. */
final class NotesSkill implements Skill {
    static final String NAME = "notes";
    private final Words words;

    NotesSkill(Words words) {
        this.words = words;
    }

    @Override
    public Question ask(Draw draw) {
        String a = draw.pick(words.spellable());
        String b = draw.pick(words.spellable());
        String c = draw.pick(words.spellable());
        return switch (draw.between(0, 4)) {
            case 0 -> of(a, "Put quotes around " + a + ".", "\"" + a + "\"");
            case 1 -> of(a, "Put braces around " + a + ".", "{" + a + "}");
            case 2 ->
                of(a + b, "Write " + a + ", " + b + " and " + c + " as a set.", "{" + a + ", " + b + ", " + c + "}");
            case 3 -> of(a + b, "Write a note: " + a + " is " + b + ".", a + ": " + b);
            default -> of(a + b, "Quote " + a + " and " + b + ".", "\"" + a + "\", \"" + b + "\"");
        };
    }

    private static Question of(String item, String prompt, String answer) {
        return new Question(NAME, item, prompt, answer);
    }
}
