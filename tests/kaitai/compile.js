// Compiles tools/kaitai/estreamer.ksy to Python: compile.js KSY DIRECTORY
const fs = require("fs");
const path = require("path");
const compiler = require("kaitai-struct-compiler");
const yaml = require("js-yaml");

const [description, directory] = process.argv.slice(2);
const parsed = yaml.load(fs.readFileSync(description, "utf8"));
compiler.compile("python", parsed, null, false).then((files) => {
    for (const [name, text] of Object.entries(files)) {
        fs.writeFileSync(path.join(directory, name), text);
    }
}).catch((error) => {
    console.error(String(error));
    process.exit(1);
});
