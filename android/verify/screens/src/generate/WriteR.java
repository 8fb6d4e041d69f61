import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

/** Writes the class R that Android's build makes of a folder of resources: a number for each string and drawable. */
class WriteR {
    private static int next = 1;

    public static void main(String[] arguments) throws Exception {
        Path resources = Path.of(arguments[0]);
        Path out = Path.of(arguments[1]);
        String text = "package org.sentiomobile.demo\n\n/** Made of the demo's resources. */\nobject R {\n"
            + numbers("string", strings(resources)) + numbers("drawable", drawables(resources)) + "}\n";
        Files.createDirectories(out.getParent());
        Files.writeString(out, text);
    }

    private static List<String> strings(Path resources) throws Exception {
        var found = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(resources.resolve("values/strings.xml").toFile()).getElementsByTagName("string");
        List<String> names = new ArrayList<>();
        for (int at = 0; at < found.getLength(); at++) names.add(((Element) found.item(at)).getAttribute("name"));
        return names;
    }

    private static List<String> drawables(Path resources) throws Exception {
        try (var files = Files.list(resources.resolve("drawable"))) {
            return files.map(file -> file.getFileName().toString().replace(".xml", "")).sorted().toList();
        }
    }

    private static String numbers(String kind, List<String> names) {
        StringBuilder text = new StringBuilder("    object " + kind + " {\n");
        for (String name : names) text.append("        const val " + name + " = " + next++ + "\n");
        return text + "    }\n";
    }
}
